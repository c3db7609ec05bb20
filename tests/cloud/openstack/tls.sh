# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# haproxy in front of every service, with a certificate of an authority of the lab's own (STATE/etc/ca.pem): the
# catalogue's public addresses become https://localhost:PORT.

tls_databases() { :; }

tls_certificates() {
	cd "$state/etc/tls" || return
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=the authority of a test' -keyout ca.key -out ca.pem \
		-addext keyUsage=critical,keyCertSign || return
	openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr || return
	printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
	openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions \
		-out server.crt || return
	cat server.crt server.key >server.pem && cp ca.pem ../ca.pem
}

tls_configure() {
	local name
	mkdir -p "$state/etc/tls"
	chmod 700 "$state/etc/tls"
	make_once tls-certificates tls_certificates
	{
		cat <<-END
			global
			  maxconn 2000
			defaults
			  mode http
			  timeout connect 10s
			  timeout client 300s
			  timeout server 300s
			  option forwardfor
		END
		for name in keystone glance glance2 placement nova neutron cinder; do
			cat <<-END
				listen $name
				  bind 127.0.0.1:$(tls_port "$name") ssl crt $state/etc/tls/server.pem
				  http-request set-header X-Forwarded-Proto https
				  server s 127.0.0.1:$(port "$name")
			END
		done
	} >"$state/etc/haproxy.cfg"
}
tls_prepare() { :; }
tls_start() { start haproxy haproxy -db -f "$state/etc/haproxy.cfg"; }
tls_answers() { curl -s --noproxy '*' -o /dev/null -m 20 --cacert "$state/etc/ca.pem" "https://localhost:$(tls_port keystone)/v3"; }
tls_ready() { await haproxy 900 tls_answers; }
tls_catalogue() { :; }
tls_provision() { :; }
