# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# Placement, Nova with the fake driver (its servers are states, nothing boots), Neutron without agents, RabbitMQ.

nova_databases() { printf 'placement nova_api nova nova_cell0 neutron\n'; }

nova_configure() {
	mkdir -p "$state/etc/nova" "$state/etc/placement" "$state/data/nova/instances"
	nova_conf fake1 fake.FakeDriver >"$state/etc/nova/nova.conf"
	cp /etc/nova/api-paste.ini "$state/etc/nova/"
	{
		cat <<-END
			[DEFAULT]
			log_file = $state/log/placement.log
			[placement_database]
			connection = $(db_url placement)
			[api]
			auth_strategy = keystone
		END
		authtoken placement
	} >"$state/etc/placement/placement.conf"
	neutron_configure
	uwsgi_ini placement /usr/bin/placement-api 1 4 "env = OS_PLACEMENT_CONFIG_DIR=$state/etc/placement" \
		>"$state/etc/uwsgi-placement.ini"
	uwsgi_ini nova /usr/bin/nova-api-wsgi 3 1 "env = OS_NOVA_CONFIG_DIR=$state/etc/nova" \
		>"$state/etc/uwsgi-nova.ini"
	uwsgi_ini metadata /usr/bin/nova-metadata-wsgi 1 1 "env = OS_NOVA_CONFIG_DIR=$state/etc/nova" \
		>"$state/etc/uwsgi-metadata.ini"
}

# nova_conf HOST DRIVER. Quotas: more servers than a project of OVH begins with, for lists of fifty; a flavor of
# 64 cores is refused by the second server.
nova_conf() {
	cat <<-END
		[DEFAULT]
		log_dir = $state/log
		state_path = $state/data/nova
		instances_path = $state/data/nova/instances
		transport_url = $(bus_url)
		compute_driver = $2
		host = $1
		my_ip = 127.0.0.1
		vif_plugging_is_fatal = false
		vif_plugging_timeout = 0
		osapi_max_limit = 1000
		metadata_listen = 127.0.0.1
		enabled_apis = osapi_compute,metadata
		default_availability_zone = nova
		reclaim_instance_interval = 0
		rpc_response_timeout = 60
		[api]
		auth_strategy = keystone
		local_metadata_per_cell = false
		[quota]
		instances = 64
		cores = 96
		ram = 400000
		[api_database]
		connection = $(db_url nova_api)
		[database]
		connection = $(db_url nova)
		[conductor]
		workers = 1
		[scheduler]
		workers = 1
		discover_hosts_in_cells_interval = 60
		[vnc]
		enabled = false
		[spice]
		enabled = false
		[serial_console]
		enabled = false
		[oslo_concurrency]
		lock_path = $state/lock
		[oslo_messaging_notifications]
		driver = noop
		[cache]
		enabled = false
		[key_manager]
		backend = nova.keymgr.conf_key_mgr.ConfKeyManager
		fixed_key = 1111111111111111111111111111111111111111111111111111111111111111
		[libvirt]
		virt_type = qemu
		cpu_mode = none
		images_type = qcow2
		inject_partition = -2
		[cinder]
		os_region_name = $region
		catalog_info = volumev3::internalURL
	END
	authtoken nova
	local section
	for section in placement glance neutron; do
		if [ "$section" = neutron ]; then
			account_in_region neutron neutron
			printf 'service_metadata_proxy = true\nmetadata_proxy_shared_secret = %s\n' "$password"
		else
			account_in_region "$section" nova
		fi
		printf 'valid_interfaces = internal\n'
	done
	account service_user nova
	printf 'send_service_user_token = true\n'
}

neutron_configure() {
	mkdir -p "$state/etc/neutron" "$state/data/neutron"
	{
		cat <<-END
			[DEFAULT]
			log_file = $state/log/neutron.log
			state_path = $state/data/neutron
			bind_host = 127.0.0.1
			bind_port = $(port neutron)
			core_plugin = ml2
			service_plugins = router
			transport_url = $(bus_url)
			auth_strategy = keystone
			api_workers = 1
			rpc_workers = 1
			dhcp_agent_notification = false
			notify_nova_on_port_status_changes = true
			notify_nova_on_port_data_changes = true
			api_paste_config = /etc/neutron/api-paste.ini
			global_physnet_mtu = 1500
			allow_overlapping_ips = true
			[database]
			connection = $(db_url neutron)
			[oslo_concurrency]
			lock_path = $state/lock
			[oslo_messaging_notifications]
			driver = noop
		END
		authtoken neutron
		account_in_region nova nova
		printf 'endpoint_type = internal\n'
	} >"$state/etc/neutron/neutron.conf"
	cat >"$state/etc/neutron/ml2.ini" <<-END
		[ml2]
		type_drivers = local,flat,vlan
		tenant_network_types = vlan
		mechanism_drivers = lab
		extension_drivers = port_security
		[ml2_type_flat]
		flat_networks = *
		[ml2_type_vlan]
		network_vlan_ranges = physnet1:100:1999
		[securitygroup]
		enable_security_group = true
		enable_ipset = false
	END
}

nova_sync() {
	local manage=(nova-manage --config-file "$state/etc/nova/nova.conf")
	"${manage[@]}" api_db sync &&
		"${manage[@]}" cell_v2 map_cell0 --database_connection "$(db_url nova_cell0)" &&
		"${manage[@]}" db sync &&
		"${manage[@]}" cell_v2 create_cell --name cell1
}
nova_prepare() {
	# Not by OS_PLACEMENT_CONFIG_DIR, which placement-manage ignores.
	make_once placement-sync placement-manage --config-file "$state/etc/placement/placement.conf" db sync
	make_once neutron-sync env PYTHONPATH=/lab/shim neutron-db-manage --config-file "$state/etc/neutron/neutron.conf" \
		--config-file "$state/etc/neutron/ml2.ini" upgrade head
	make_once nova-sync nova_sync
	# The cells' addresses are data: of the lab that these data come from.
	sql -e "update nova_api.cell_mappings set transport_url = '$(bus_url)', database_connection =
		'$(db_url nova)' where name = 'cell1';
		update nova_api.cell_mappings set database_connection = '$(db_url nova_cell0)' where name = 'cell0'"
}

# Its start takes a while: called early, before there is any configuration, and awaited by nova_start.
rabbit_start() {
	local data=$state/data/rabbit
	mkdir -p "$data"
	printf 'listeners.tcp.1 = 127.0.0.1:%s\n' "$(port rabbit)" >"$data/rabbitmq.conf"
	: >"$data/plugins"
	start epmd epmd -address 127.0.0.1 -port "$(port epmd)"
	start rabbit env HOME="$data" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$(port epmd)" \
		RABBITMQ_NODENAME="lab$base@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
		RABBITMQ_NODE_PORT="$(port rabbit)" RABBITMQ_DIST_PORT="$(port distribution)" \
		RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$data/rabbitmq.conf" \
		RABBITMQ_ENABLED_PLUGINS_FILE="$data/plugins" RABBITMQ_MNESIA_BASE="$data/mnesia" \
		RABBITMQ_LOG_BASE="$state/log" RABBITMQ_PID_FILE="$data/pid" \
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none' \
		/usr/lib/rabbitmq/bin/rabbitmq-server
}
rabbit_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$(port rabbit)"); }

nova_start() {
	local conf=$state/etc/nova/nova.conf
	start placement uwsgi --ini "$state/etc/uwsgi-placement.ini"
	start neutron env PYTHONPATH=/lab/shim neutron-server --config-file "$state/etc/neutron/neutron.conf" \
		--config-file "$state/etc/neutron/ml2.ini"
	await rabbit 900 rabbit_answers
	start nova-conductor nova-conductor --config-file "$conf"
	start nova uwsgi --ini "$state/etc/uwsgi-nova.ini"
	start nova-scheduler nova-scheduler --config-file "$conf"
	await placement 900 answers placement
	start nova-compute nova-compute --config-file "$conf"
	start metadata uwsgi --ini "$state/etc/uwsgi-metadata.ini"
}
nova_ready() {
	await neutron 900 answers neutron
	await nova 900 answers nova
}

nova_catalogue() {
	printf 'nova compute %s %s/v2.1 %s/v2.1\n' "$region" "$(public nova)" "$(internal nova)"
	printf 'placement placement %s %s %s\n' "$region" "$(public placement)" "$(internal placement)"
	printf 'neutron network %s %s %s\n' "$region" "$(public neutron)" "$(internal neutron)"
}

hosts_known() { [ "$(sql -N -e 'select count(*) from nova.compute_nodes where deleted = 0')" -ge "$1" ]; }
# discover HOSTS: a new host has to be in the cell before servers get there, or an aggregate takes it.
discover() {
	await nova-compute 900 hosts_known "$1" &&
		nova-manage --config-file "$state/etc/nova/nova.conf" cell_v2 discover_hosts
}
nova_provision() {
	make_once nova-hosts discover 1
	make_once nova-provision python3 /lab/provision_compute.py
}
