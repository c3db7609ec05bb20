#!/usr/bin/env python3
"""ci/api-floor refuses what the oldest release does not have, and nothing else.

    tests/agent/test_api_floor.py

Prints TAP. Needs a C compiler, for programs that ask for new and for old symbols.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../bake'))
from common import TOP, Tap  # noqa: E402

FLOOR = os.path.join(TOP, 'ci/api-floor')
CURL, GIT = '#include <curl/curl.h>\n', '#include <git2.h>\n'
SOURCES = [  # what it is, its text, the name that must be refused ('': none)
    ('an old option of libcurl', CURL + 'int x = CURLOPT_URL;', ''),
    ('a newer option of libcurl', CURL + 'int x = CURLOPT_PROTOCOLS_STR;', 'CURLOPT_PROTOCOLS_STR'),
    ('a newer function of libcurl', CURL + 'void f(void)\n{\n\tcurl_easy_header(0, 0, 0, 0, 0, 0);\n}\n', 'curl_easy_header'),
    ('a newer option behind a check of the version',
     CURL + '#if LIBCURL_VERSION_NUM >= 0x075500\nint x = CURLOPT_PROTOCOLS_STR;\n#else\nint x = CURLOPT_PROTOCOLS;\n#endif\n', ''),
    ('a newer option where the version is older',
     CURL + '#if LIBCURL_VERSION_NUM >= 0x075500\nint x = 1;\n#else\nint x = CURLOPT_PROTOCOLS_STR;\n#endif\n', 'CURLOPT_PROTOCOLS_STR'),
    ('a newer option behind a check of something else',
     CURL + '#ifdef CURL_STRICTER\nint x = CURLOPT_PROTOCOLS_STR;\n#endif\n', 'CURLOPT_PROTOCOLS_STR'),
    ('a newer name in a comment and in a string', CURL + '/* CURLOPT_PROTOCOLS_STR */ char *x = "CURLOPT_PROTOCOLS_STR";', ''),
    ('functions and variables of our own', GIT + 'static int git_ours(void)\n{\n\tint git_x = 1;\n\treturn git_x;\n}\n', ''),
    ('a newer option of libgit2', GIT + 'int x = GIT_OPT_SET_SERVER_TIMEOUT;', 'GIT_OPT_SET_SERVER_TIMEOUT'),
    ('a newer function of libgit2', GIT + 'int f(void)\n{\n\treturn git_remote_name_is_valid_now();\n}\n', 'git_remote_name_is_valid_now'),
    ('a newer function of libseccomp', '#include <seccomp.h>\nint f(void)\n{\n\treturn seccomp_precompute(0);\n}\n', 'seccomp_precompute'),
    ('a newer function of jansson', '#include <jansson.h>\nint f(void)\n{\n\treturn json_object_getn(0, 0, 0);\n}\n', 'json_object_getn'),
    ('the same name where its library is not used', 'int f(void)\n{\n\treturn json_object_getn(0, 0, 0);\n}\n', ''),
]
PROGRAMS = [  # what it asks for, symbol version, refused
    ('GLIBC_2.34', False), ('GLIBC_2.35', False), ('GLIBC_2.36', True), ('GLIBC_2.100', True), ('OPENSSL_3.0.0', False),
    ('OPENSSL_3.0.9', True), ('OPENSSL_3.2.0', True),
]


def run(*args):
    return subprocess.run([FLOOR] + list(args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check_sources(tap, tmp):
    for what, text, name in SOURCES:
        path = os.path.join(tmp, 'source.c')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        r = run(path)
        if name:
            tap.check(what + ' is refused', r.returncode == 1 and 'does not have ' + name in r.stdout, r.stdout)
        else:
            tap.check(what + ' is fine', r.returncode == 0, r.stdout)


def check_programs(tap, tmp):
    """A library that has a function at this version, and a program that calls it."""
    for node, refused in PROGRAMS:
        for name, text in (('lib.map', node + ' { global: novel; };\n'), ('lib.c', 'int novel(void) { return 0; }\n'),
                           ('main.c', 'int novel(void);\nint main(void) { return novel(); }\n')):
            with open(os.path.join(tmp, name), 'w', encoding='utf-8') as f:
                f.write(text)
        subprocess.run('cc -shared -fPIC -Wl,--version-script=lib.map -o libnovel.so lib.c && cc -o main main.c -L. -lnovel',
                       shell=True, cwd=tmp, check=True)
        r = run('--program', os.path.join(tmp, 'main'))
        tap.check('a program that asks for %s is %s' % (node, 'refused' if refused else 'fine'),
                  r.returncode == refused and (not refused or 'novel is of' in r.stdout), r.stdout)
    with open(os.path.join(tmp, 'text'), 'w', encoding='utf-8') as f:
        f.write('no program\n')
    tap.check('what is no program is no success', run('--program', os.path.join(tmp, 'text')).returncode != 0)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as tmp:
        check_sources(tap, tmp)
        check_programs(tap, tmp)
    r = run()
    tap.check('our own sources are fine', r.returncode == 0 and 'uses of library names' in r.stdout, r.stdout)
    tap.done()


main()
