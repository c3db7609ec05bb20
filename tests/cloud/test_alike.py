#!/usr/bin/env python3
"""
The double's OpenStack services against real ones: the same requests, and status, kind, headers, form of the answers and
the words of refusals have to be equal (alike_steps.py).

    test_alike.py [STATE]     prints TAP; STATE: of a running lab with core, nova and cinder, else one is started
"""
import importlib.util
import json
import sys

from lab import HERE, Double
from alike import Cloud, compared, differences
from alike_steps import STEPS
from kbtest import Tap

tap = Tap()


def real_lab(*args, **more):
    """Of openstack/lab.py, which has the name of our own."""
    sys.path.insert(0, str(HERE / "openstack"))
    spec = importlib.util.spec_from_file_location("openstack_lab", HERE / "openstack/lab.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Lab(*args, **more)


def of_lab(lab):
    return Cloud("the lab", lab.url("keystone", "/v3"), "GRA11", "user-one", lab.password,
                 {"name": "1234567890123456", "domain": {"name": "Default"}})


def of_double(double):
    a = double.about
    return Cloud("the double", a["auth_url"], "GRA11", a["user"], a["password"], {"id": a["project"]})


def ask(cloud, step):
    try:
        answer = cloud.until(step) if step.until is not None else cloud.ask(step)
        seen = compared(step, answer)
        if step.keep and answer[0] < 300:
            cloud.keep(step, answer[2])
        return seen
    except (OSError, TimeoutError, KeyError, StopIteration) as e:
        return {"no answer": f"{cloud.name}: {type(e).__name__}: {e}"}


def compare(real, double, steps=STEPS):
    for step in steps:
        a, b = ask(real, step), ask(double, step)
        lines = differences(a, b)
        tap.check(not lines, f"{step.service}: {step.name} ({step.method})",
                  "first: the real one, second: the double\n" + "\n".join(lines) +
                  ("\n" + json.dumps(a)[:1500] if "no answer" in a else ""))


def main():
    with real_lab("core", "nova", "cinder", state=sys.argv[1] if len(sys.argv) > 1 else None) as lab:
        double = Double()
        try:
            compare(of_lab(lab), of_double(double))
        finally:
            double.stop()
    tap.note(f"{len(STEPS)} requests to both")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
