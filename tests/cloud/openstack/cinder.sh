# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# Cinder with a driver that only records what it is asked, from its own package: volumes are states.

cinder_databases() { printf 'cinder\n'; }

cinder_configure() {
	mkdir -p "$state/etc/cinder" "$state/data/cinder"
	{
		cat <<-END
			[DEFAULT]
			log_dir = $state/log
			state_path = $state/data/cinder
			transport_url = $(bus_url)
			auth_strategy = keystone
			my_ip = 127.0.0.1
			host = fake1
			enabled_backends = fake
			default_volume_type = classic
			glance_api_servers = $(internal glance)
			api_paste_config = /etc/cinder/api-paste.ini
			resource_query_filters_file = /etc/cinder/resource_filters.json
			osapi_volume_listen = 127.0.0.1
			osapi_volume_workers = 1
			[fake]
			volume_driver = cinder.tests.fake_driver.FakeLoggingVolumeDriver
			volume_backend_name = fake
			[database]
			connection = $(db_url cinder)
			[oslo_concurrency]
			lock_path = $state/lock
			[key_manager]
			backend = cinder.keymgr.conf_key_mgr.ConfKeyManager
			fixed_key = 1111111111111111111111111111111111111111111111111111111111111111
		END
		authtoken cinder
		account_in_region nova nova
		printf 'interface = internal\n'
		account service_user cinder
		printf 'send_service_user_token = true\n'
	} >"$state/etc/cinder/cinder.conf"
	uwsgi_ini cinder /usr/bin/cinder-wsgi 1 4 "pyargv = --config-file $state/etc/cinder/cinder.conf" \
		>"$state/etc/uwsgi-cinder.ini"
}

cinder_prepare() {
	make_once cinder-sync cinder-manage --config-file "$state/etc/cinder/cinder.conf" db sync
}

cinder_start() {
	start cinder uwsgi --ini "$state/etc/uwsgi-cinder.ini"
	start cinder-scheduler cinder-scheduler --config-file "$state/etc/cinder/cinder.conf"
	start cinder-volume cinder-volume --config-file "$state/etc/cinder/cinder.conf"
}
cinder_ready() { await cinder 900 answers cinder; }

cinder_catalogue() {
	local name
	for name in 'cinderv3 volumev3' 'cinder block-storage'; do
		printf '%s %s %s/v3/%%(project_id)s %s/v3/%%(project_id)s\n' "$name" "$region" "$(public cinder)" \
			"$(internal cinder)"
	done
}
cinder_provision() { make_once cinder-provision python3 /lab/provision_volume.py; }
