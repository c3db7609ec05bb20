# shellcheck shell=bash
# Variables of who sources it:
# shellcheck disable=SC2154
# A second compute host with libvirt and QEMU, the availability zone "qemu": servers that really boot. Addresses come
# by config drive; their bridges are in the caller's network namespace, which should be one of its own.

libvirt_databases() { :; }

libvirt_configure() {
	local dir=$state/data/libvirt section uri
	uri="qemu:///system?socket=$dir/libvirt-sock"
	mkdir -p "$dir" "$state/etc/nova-libvirt" "$state/data/nova-libvirt/instances"
	printf '%s\n' 'security_driver = "none"' 'user = "root"' 'group = "root"' 'dynamic_ownership = 0' \
		'stdio_handler = "file"' 'namespaces = [ ]' 'cgroup_controllers = [ ]' >"$dir/qemu.conf"
	cat >"$dir/libvirtd.conf" <<-END
		unix_sock_dir = "$dir"
		unix_sock_group = "root"
		auth_unix_ro = "none"
		auth_unix_rw = "none"
		log_outputs = "3:file:$state/log/libvirtd.log"
	END
	{
		nova_conf libvirt1 libvirt.LibvirtDriver | sed \
			-e "s|^state_path = .*|state_path = $state/data/nova-libvirt|" \
			-e "s|^instances_path = .*|instances_path = $state/data/nova-libvirt/instances|" \
			-e "s|^log_dir = .*|log_file = $state/log/nova-compute-libvirt.log|" \
			-e "s|^\[libvirt\]|&\nconnection_uri = $uri|" \
			-e "s|^\[DEFAULT\]|&\nreserved_host_memory_mb = 1024\nmkisofs_cmd = genisoimage|"
		# As root already: no sudo, no rootwrap.
		for section in nova_sys_admin vif_plug_linux_bridge_privileged vif_plug_ovs_privileged privsep_osbrick; do
			printf '[%s]\nhelper_command = privsep-helper --config-file %s\n' "$section" \
				"$state/etc/nova-libvirt/nova.conf"
		done
	} >"$state/etc/nova-libvirt/nova.conf"
}
libvirt_prepare() { :; }

libvirt_answers() { virsh -c "qemu:///system?socket=$state/data/libvirt/libvirt-sock" list; }
libvirt_start() {
	local dir=$state/data/libvirt
	# The root is shared by all labs, its configuration of libvirt is not.
	# shellcheck disable=SC2016
	start libvirtd unshare -m sh -c 'mount --bind "$1/qemu.conf" /etc/libvirt/qemu.conf &&
		exec libvirtd --config "$1/libvirtd.conf" --pid-file "$1/libvirtd.pid"' sh "$dir"
	await libvirtd 900 libvirt_answers
	start nova-compute-libvirt nova-compute --config-file "$state/etc/nova-libvirt/nova.conf"
}
libvirt_ready() { :; }
libvirt_catalogue() { :; }
libvirt_provision() {
	make_once libvirt-hosts discover 2
	make_once libvirt-provision python3 /lab/provision_compute.py libvirt1
}
