# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# Pieces of configuration that several services have in common. Needs settings.sh, $state and $password.

region=GRA11
# shellcheck disable=SC2034
region2=SBG5

db_url() { printf 'mysql+pymysql://lab:%s@localhost/%s?unix_socket=%s&charset=utf8' "$password" "$1" "$state/data/mysql.sock"; }
sql() { mariadb --no-defaults --socket="$state/data/mysql.sock" -u root "$@"; }
bus_url() { printf 'rabbit://guest:guest@127.0.0.1:%s/' "$(port rabbit)"; }

# The address that the catalogue gives to clients: through TLS when that is one of the components.
public() {
	if want tls; then
		printf 'https://localhost:%s' "$(tls_port "$1")"
	else
		internal "$1"
	fi
}
internal() { printf 'http://127.0.0.1:%s' "$(port "$1")"; }

# account SECTION USER: how a service signs in as itself.
account() {
	cat <<-END
		[$1]
		auth_url = $(internal keystone)/v3
		auth_type = password
		project_domain_name = Default
		user_domain_name = Default
		project_name = service
		username = $2
		password = $password
	END
}
# The same with the way to the service that the section is about: nova calls it valid_interfaces.
account_in_region() {
	account "$1" "$2"
	printf 'region_name = %s\n' "$region"
}
# How a service checks the tokens of those who call it.
authtoken() {
	printf '[oslo_middleware]\nenable_proxy_headers_parsing = true\n'
	account_in_region keystone_authtoken "$1"
	printf 'www_authenticate_uri = %s/v3\nservice_token_roles_required = true\n' "$(public keystone)"
}

# uwsgi_ini SERVICE PROGRAM PROCESSES THREADS [LINE...]: Debian's own file with fewer processes. Debian's
# http-socket closes after each answer without a word (gives ECONNRESET to clients that keep connections); unless
# that is wanted, the header that announces it is added, as Debian does for Glance alone.
uwsgi_ini() {
	local name=$1
	cat <<-END
		[uwsgi]
		http-socket = 127.0.0.1:$(port "$1")
		buffer-size = 65535
		rem-header = Content-Length
		master = true
		thunder-lock = true
		plugins = python3
		lazy-apps = true
		paste-logger = true
		no-orphans = true
		die-on-term = true
		enable-threads = true
		processes = $3
		threads = $4
		listen = 100
		name = $name
		chdir = $state/data
		wsgi-file = $2
	END
	[ -n "$harsh" ] || printf 'add-header = Connection: close\n'
	shift 4
	printf '%s\n' "$@"
}

# make_once NAME COMMAND...: what is done already in these data is not done again.
make_once() {
	local name=$1
	shift
	[ ! -e "$state/done/$name" ] || return 0
	"$@" >"$state/log/$name.log" 2>&1 </dev/null || {
		tail -n 20 "$state/log/$name.log" >&2
		fail "$name (log: $state/log/$name.log)"
	}
	touch "$state/done/$name"
}
database() {
	sql -e "create database if not exists $1 character set utf8;
		create user if not exists lab@localhost identified by '$password';
		grant all on $1.* to lab@localhost;"
}
