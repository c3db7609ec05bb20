# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# MariaDB, Keystone, and Glance twice: GRA11 as Debian runs it, under uWSGI; SBG5 by its own server (eventlet), with
# a database and a store of its own. Each component has the functions COMPONENT_configure, _prepare, _start, _ready
# and _provision, which inside calls in this order.

core_databases() { printf 'keystone glance glance2\n'; }

core_configure() {
	keystone_configure
	glance_configure glance
	glance_configure glance2
	# uWSGI's own words for bodies without a length.
	uwsgi_ini glance /usr/bin/glance-wsgi-api 2 8 'socket-timeout = 10' 'http-auto-chunked = true' \
		'http-chunked-input = true' 'http-raw-body = true' 'exit-on-reload = true' \
		'wsgi-manage-chunked-input = true' "env = OS_GLANCE_CONFIG_DIR=$state/etc/glance" \
		>"$state/etc/uwsgi-glance.ini"
}

keystone_configure() {
	local etc=$state/etc/keystone
	mkdir -p "$etc"
	mkdir -p "$state/data/fernet" "$state/data/credkeys"
	chmod 700 "$state/data/fernet" "$state/data/credkeys"
	# The cache: without, a request takes 250 to 500 ms; dogpile.cache.memory hands out references, and the second
	# use of a credential fails. One process, so that it is one cache.
	cat >"$etc/keystone.conf" <<-END
		[DEFAULT]
		log_file = $state/log/keystone.log
		[database]
		connection = $(db_url keystone)
		[token]
		provider = fernet
		expiration = $ttl
		[fernet_tokens]
		key_repository = $state/data/fernet
		[credential]
		key_repository = $state/data/credkeys
		[identity]
		password_hash_rounds = 4
		[cache]
		enabled = true
		backend = dogpile.cache.memory_pickle
		[oslo_middleware]
		enable_proxy_headers_parsing = true
	END
	uwsgi_ini keystone /usr/bin/keystone-wsgi-public 1 8 "env = OS_KEYSTONE_CONFIG_DIR=$etc" \
		>"$state/etc/uwsgi-keystone.ini"
}

# glance_configure NAME: glance or glance2
glance_configure() {
	local name=$1 etc=$state/etc/$1 data=$state/data/$1
	mkdir -p "$etc" "$data/images" "$data/staging" "$data/tasks" "$data/cache"
	cp /etc/glance/glance-api-paste.ini /etc/glance/schema-image.json "$etc/"
	{
		cat <<-END
			[DEFAULT]
			bind_host = 127.0.0.1
			bind_port = $(port "$name")
			workers = 1
			log_file = $state/log/$name.log
			enabled_backends = local:file
			enabled_import_methods = [glance-direct,web-download]
			node_staging_uri = file://$data/staging
			image_cache_dir = $data/cache
			transport_url = fake://
			worker_self_reference_url = $(internal "$name")
			${image_cap:+image_size_cap = $image_cap}
			[database]
			connection = $(db_url "$name")
			[paste_deploy]
			flavor = keystone
			config_file = $etc/glance-api-paste.ini
			[glance_store]
			default_backend = local
			[local]
			filesystem_store_datadir = $data/images
			[os_glance_staging_store]
			filesystem_store_datadir = $data/staging
			[os_glance_tasks_store]
			filesystem_store_datadir = $data/tasks
			[oslo_concurrency]
			lock_path = $state/lock
		END
		authtoken glance
	} >"$etc/glance-api.conf"
	printf '[image_import_opts]\nimage_import_plugins = []\n' >"$etc/glance-image-import.conf"
}

mariadb_start() {
	[ -d "$state/data/mysql/mysql" ] || make_once mariadb-install mariadb-install-db --no-defaults --user=root \
		--datadir="$state/data/mysql" --auth-root-authentication-method=normal --skip-test-db
	# No durability: these data are thrown away.
	start mariadb mariadbd --no-defaults --user=root --datadir="$state/data/mysql" \
		--socket="$state/data/mysql.sock" --skip-networking --pid-file="$state/data/mysql.pid" \
		--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync \
		--innodb-buffer-pool-size=128M --innodb-log-file-size=48M --max-connections=1000 --skip-log-bin \
		--character-set-server=utf8
	await mariadb 900 sql -e 'select 1'
}

keystone_sync() {
	local manage=(keystone-manage --config-file "$state/etc/keystone/keystone.conf") url
	url=$(internal keystone)/v3
	"${manage[@]}" db_sync &&
		"${manage[@]}" fernet_setup --keystone-user root --keystone-group root &&
		"${manage[@]}" credential_setup --keystone-user root --keystone-group root || return
	# The password by the environment, as in all of these scripts: an argument is for all to read.
	OS_BOOTSTRAP_PASSWORD=$password "${manage[@]}" bootstrap --bootstrap-username admin \
		--bootstrap-project-name admin --bootstrap-role-name admin --bootstrap-service-name keystone \
		--bootstrap-region-id "$region" --bootstrap-public-url "$url" --bootstrap-internal-url "$url" \
		--bootstrap-admin-url "$url"
}
core_prepare() {
	make_once keystone-sync keystone_sync
	make_once glance-sync glance-manage --config-file "$state/etc/glance/glance-api.conf" db_sync
	make_once glance2-sync glance-manage --config-file "$state/etc/glance2/glance-api.conf" db_sync
}

core_start() {
	start keystone uwsgi --ini "$state/etc/uwsgi-keystone.ini"
	start glance uwsgi --ini "$state/etc/uwsgi-glance.ini"
	start glance2 glance-api --config-dir "$state/etc/glance2"
}
core_ready() {
	await keystone 900 answers keystone /v3
	await glance 900 answers glance
	await glance2 900 answers glance2
}

# NAME TYPE REGION PUBLIC INTERNAL: what this component adds to the catalogue, a line each.
core_catalogue() {
	local where
	for where in "$region" "$region2"; do
		printf 'keystone identity %s %s/v3 %s/v3\n' "$where" "$(public keystone)" "$(internal keystone)"
	done
	printf 'glance image %s %s %s\n' "$region" "$(public glance)" "$(internal glance)"
	printf 'glance image %s %s %s\n' "$region2" "$(public glance2)" "$(internal glance2)"
}
core_provision() { :; }
