"""Runs inside a tree: cloud-init's own modules on a cloud-config, without a boot. The judge of baking.

    oracle.py CLOUD-CONFIG            on a stock image
    oracle.py CLOUD-CONFIG boot       on a baked one, by its own settings, as at first boot
"""
import importlib
import os
import sys

sys.path.insert(0, '/usr/lib/python3/dist-packages')
from cloudinit import cloud, distros, helpers, subp, util  # noqa: E402
from cloudinit.sources import DataSourceNone  # noqa: E402

MODULES = ['write_files', 'ca_certs', 'users_groups', 'locale', 'set_passwords', 'ntp', 'timezone',
           'write_files_deferred']
FIRST_BOOT = ['apt_configure'] + MODULES


def main():
    user = util.load_yaml(open(sys.argv[1]).read())
    boot = len(sys.argv) > 2
    base = util.read_conf_with_confd('/etc/cloud/cloud.cfg') if boot else util.load_yaml(open('/etc/cloud/cloud.cfg').read())
    cfg = util.mergemanydict([user, base])
    paths = helpers.Paths({'cloud_dir': '/tmp/cloud', 'run_dir': '/tmp/run', 'templates_dir': '/etc/cloud/templates'})
    distro = distros.fetch('debian')('debian', base['system_info'], paths)
    distro.manage_service = lambda *a, **k: None  # nothing runs here that could be reloaded
    source = DataSourceNone.DataSourceNone({}, distro, paths)
    instance = cloud.Cloud(source, paths, cfg, distro, None)
    os.umask(0o022)
    for name in FIRST_BOOT if boot else MODULES:
        module = importlib.import_module('cloudinit.config.cc_' + name)
        module.handle(name, util.load_yaml(util.safe_yaml_dumps(cfg)) if hasattr(util, 'safe_yaml_dumps') else cfg,
                      instance, [])


main()
