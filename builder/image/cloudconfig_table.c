/*
 * Every top-level key of cloud-init's schema (22.4 to 26.2), with what becomes of it and why. The
 * sentences are shown by explain and stand in docs/reference.md, which a test compares with this.
 */
#include "cloudconfig.h"

#include "cloudcheck.h"

static const char gone[] =
	"its cloud-init module is for other distributions than Debian and Ubuntu";
static const char raspberry[] = "it sets up a Raspberry Pi, which a cloud server is not";
static const char old_apt[] =
	"the spelling of 2014; write it below 'apt:', as 'kbuild help' and "
	"cloud-init's documentation of apt say";
static const char stages[] =
	"it changes the order of cloud-init's own stages, which run at first boot";
static const char registers[] = "the instance registers itself with its server at first boot";

/* clang-format off */
static const struct cloud_key table[] = {
	{ "allow_public_ssh_keys", FATE_LEFT, "it is about the keys that the cloud gives to the instance", check_bool },
	{ "ansible", FATE_LEFT, "the playbook is pulled and run on the instance", check_map },
	{ "apk_repos", FATE_REFUSED, gone },
	{ "apt", FATE_BAKED, "the sources, keys, pins and apt.conf are written into the image, and the lock obeys them", check_apt },
	{ "apt_mirror", FATE_REFUSED, old_apt },
	{ "apt_pipelining", FATE_LEFT, "cloud-init writes one line of apt.conf at first boot" },
	{ "apt_preserve_sources_list", FATE_REFUSED, old_apt },
	{ "apt_proxy", FATE_REFUSED, old_apt },
	{ "apt_reboot_if_required", FATE_BAKED, NULL, .now = "package_reboot_if_required" },
	{ "apt_sources", FATE_REFUSED, old_apt },
	{ "apt_update", FATE_BAKED, NULL, .now = "package_update" },
	{ "apt_upgrade", FATE_BAKED, NULL, .now = "package_upgrade" },
	{ "authkey_hash", FATE_LEFT, "it is about the host keys made at first boot", check_text },
	{ "autoinstall", FATE_REFUSED, "it steers Ubuntu's installer, and no installer runs: kbuild makes the disk" },
	{ "bootcmd", FATE_LEFT, "commands run on the instance, at each boot", check_commands },
	{ "byobu_by_default", FATE_LEFT, "it changes the users that exist at first boot", check_text },
	{ "ca-certs", FATE_BAKED, NULL, .now = "ca_certs" },
	{ "ca_certs", FATE_BAKED, "the certificates are put into the image's trust store", check_ca_certs },
	{ "chef", FATE_LEFT, registers, check_map },
	{ "chpasswd", FATE_LEFT, "passwords belong to the instance and are not shipped in an image", check_map },
	{ "cloud_config_modules", FATE_LEFT, stages, check_list },
	{ "cloud_final_modules", FATE_LEFT, stages, check_list },
	{ "cloud_init_modules", FATE_LEFT, stages, check_list },
	{ "create_hostname_file", FATE_LEFT, "the host name belongs to the instance", check_bool },
	{ "datasource", FATE_REFUSED, "cloud-init reads it before it has user-data: write it to /etc/cloud/cloud.cfg.d with write_files" },
	{ "datasource_list", FATE_REFUSED, "cloud-init reads it before it has user-data: write it to /etc/cloud/cloud.cfg.d with write_files" },
	{ "device_aliases", FATE_LEFT, "disks belong to the instance", check_map },
	{ "disable_ec2_metadata", FATE_LEFT, "a route is added at each boot", check_bool },
	{ "disable_piwiz", FATE_REFUSED, raspberry },
	{ "disable_root", FATE_BAKED, "sshd is configured in the image", check_bool },
	{ "disable_root_opts", FATE_LEFT, "it is about root's keys, which come with the instance", check_text },
	{ "disk_setup", FATE_LEFT, "disks belong to the instance", check_map },
	{ "drivers", FATE_LEFT, "the hardware is known at first boot only", check_map, .distribution = "ubuntu" },
	{ "enable_rpi_connect", FATE_REFUSED, raspberry },
	{ "fan", FATE_LEFT, "the instance's address decides", check_map, .distribution = "ubuntu" },
	{ "final_message", FATE_LEFT, "it is printed when first boot has ended", check_text },
	{ "fqdn", FATE_LEFT, "the host name belongs to the instance", check_hostname },
	{ "fs_setup", FATE_LEFT, "disks belong to the instance", check_list },
	{ "groups", FATE_BAKED, "the groups are made in the image", check_groups },
	{ "growpart", FATE_LEFT, "the disk's size is known at first boot only", check_map },
	{ "grub-dpkg", FATE_LEFT, NULL, .now = "grub_dpkg" },
	{ "grub_dpkg", FATE_LEFT, "the boot disk's name is known at first boot only", check_map },
	{ "hostname", FATE_LEFT, "the host name belongs to the instance", check_hostname },
	{ "keyboard", FATE_LEFT, "cloud-init sets the console's keyboard at first boot", check_map },
	{ "landscape", FATE_LEFT, registers, check_map, .distribution = "ubuntu" },
	{ "launch-index", FATE_LEFT, "it chooses among instances launched together" },
	{ "locale", FATE_BAKED, "the locale is generated in the image", check_locale },
	{ "locale_configfile", FATE_BAKED, "the locale is written there in the image", check_path },
	{ "lxd", FATE_LEFT, "lxd is initialised on the running instance", check_map, .distribution = "ubuntu" },
	{ "manage_etc_hosts", FATE_LEFT, "the host name belongs to the instance" },
	{ "manage_resolv_conf", FATE_REFUSED, gone },
	{ "mcollective", FATE_LEFT, registers, check_map },
	{ "merge_how", FATE_LEFT, "it says how cloud-init joins this user-data with other parts" },
	{ "merge_type", FATE_LEFT, "it says how cloud-init joins this user-data with other parts" },
	{ "migrate", FATE_LEFT, "it is about marks of earlier boots", check_bool },
	{ "mount_default_fields", FATE_LEFT, "disks belong to the instance", check_list },
	{ "mounts", FATE_LEFT, "disks belong to the instance", check_list },
	{ "network", FATE_REFUSED, "cloud-init takes the network from the cloud, never from user-data: write a netplan file with write_files" },
	{ "no_ssh_fingerprints", FATE_LEFT, "it is about the keys of the instance", check_bool },
	{ "ntp", FATE_BAKED, "the time client is installed, configured and enabled in the image", check_ntp },
	{ "output", FATE_LEFT, "it is about cloud-init's own output at first boot" },
	{ "package_reboot_if_required", FATE_BAKED, "the packages are there before the first boot, so none asks for a reboot", check_bool },
	{ "package_update", FATE_BAKED, "the lock holds the versions; 'kbuild lock --update' takes newer ones", check_bool },
	{ "package_upgrade", FATE_BAKED, "the lock holds the versions; 'kbuild lock --update' takes newer ones", check_bool },
	{ "packages", FATE_BAKED, "the packages are installed in the versions of the lock", check_packages },
	{ "password", FATE_LEFT, "passwords belong to the instance and are not shipped in an image", check_text },
	{ "phone_home", FATE_LEFT, "it reports from the instance", check_map },
	{ "power_state", FATE_LEFT, "it is done when first boot has ended", check_map },
	{ "prefer_fqdn_over_hostname", FATE_LEFT, "the host name belongs to the instance", check_bool },
	{ "preserve_hostname", FATE_LEFT, "the host name belongs to the instance", check_bool },
	{ "puppet", FATE_LEFT, registers, check_map },
	{ "random_seed", FATE_LEFT, "a seed that many instances share would be none", check_map },
	{ "reporting", FATE_LEFT, "it reports from the instance", check_map },
	{ "resize_rootfs", FATE_LEFT, "the disk's size is known at first boot only" },
	{ "resolv_conf", FATE_REFUSED, gone },
	{ "rh_subscription", FATE_REFUSED, gone },
	{ "rpi_interfaces", FATE_REFUSED, raspberry },
	{ "rpi_userconf", FATE_REFUSED, raspberry },
	{ "rsyslog", FATE_LEFT, "cloud-init configures rsyslog and restarts it at first boot", check_map },
	{ "runcmd", FATE_LEFT, "commands run on the instance, once", check_commands },
	{ "salt_minion", FATE_LEFT, registers, check_map },
	{ "snap", FATE_LEFT, "snapd works in a booted system only", check_map, .distribution = "ubuntu" },
	{ "spacewalk", FATE_REFUSED, gone },
	{ "ssh", FATE_LEFT, "it is about printing the instance's keys", check_map },
	{ "ssh_authorized_keys", FATE_LEFT, "who may enter is decided when an instance is launched", check_keys },
	{ "ssh_deletekeys", FATE_LEFT, "host keys belong to the instance", check_bool },
	{ "ssh_fp_console_blacklist", FATE_LEFT, "it is about printing the instance's keys", check_list },
	{ "ssh_genkeytypes", FATE_LEFT, "host keys belong to the instance", check_list },
	{ "ssh_import_id", FATE_LEFT, "the keys are fetched at first boot", check_list },
	{ "ssh_key_console_blacklist", FATE_LEFT, "it is about printing the instance's keys", check_list },
	{ "ssh_keys", FATE_LEFT, "host keys belong to the instance", check_map },
	{ "ssh_publish_hostkeys", FATE_LEFT, "host keys belong to the instance", check_map },
	{ "ssh_pwauth", FATE_BAKED, "sshd is configured in the image", check_ssh_pwauth },
	{ "ssh_quiet_keygen", FATE_LEFT, "host keys belong to the instance", check_bool },
	{ "swap", FATE_LEFT, "memory and disk are known at first boot only", check_map },
	{ "system_info", FATE_LEFT, "it is about cloud-init's own behaviour at first boot", check_map },
	{ "timezone", FATE_BAKED, "the time zone is set in the image", check_timezone },
	{ "ubuntu_advantage", FATE_LEFT, NULL, .distribution = "ubuntu", .now = "ubuntu_pro" },
	{ "ubuntu_pro", FATE_LEFT, "the instance is attached to its subscription at first boot", check_map, .distribution = "ubuntu" },
	{ "updates", FATE_LEFT, "it says which events cloud-init follows while the instance runs", check_map },
	{ "user", FATE_LEFT, "the default user is made at first boot, with the keys that the cloud gives", check_user },
	{ "users", FATE_BAKED, "the users are made in the image; the keys that the cloud gives are added at first boot", check_users },
	{ "vendor_data", FATE_LEFT, "it is about what the cloud adds to the user-data", check_map },
	{ "version", FATE_LEFT, "it names the version of the format" },
	{ "wireguard", FATE_LEFT, "a tunnel's keys belong to the instance", check_map },
	{ "write_files", FATE_BAKED, "the files are written into the image", check_write_files },
	{ "yum_repo_dir", FATE_REFUSED, gone },
	{ "yum_repos", FATE_REFUSED, gone },
	{ "zypper", FATE_REFUSED, gone },
};
/* clang-format on */

const struct cloud_key *cloud_key_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(table);
	return table;
}
