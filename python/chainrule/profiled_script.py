"""`chainrule profile`: a script as `python script.py` runs it, within a profile."""

import argparse
import runpy
import sys
import traceback

from chainrule.profiling import Profile


def run_profiled(arguments: argparse.Namespace) -> int:
    """Run the script, then print the profile, and write trace and picture, whether it has failed or not; return its exit status."""
    script = arguments.script
    if not script.is_file():
        raise FileNotFoundError(f"expected a Python script, got {script}, which is no file")
    before = sys.argv, sys.path[0]
    sys.argv, sys.path[0] = [str(script), *arguments.arguments], str(script.resolve().parent)
    prof = Profile(arguments.steps)
    try:
        with prof:
            status = _run(str(script))
    finally:
        sys.argv, sys.path[0] = before
    sys.stdout.flush()
    print(f"\n{prof.report(sort=arguments.sort, group=arguments.group)}")
    if arguments.trace is not None:
        prof.export_chrome_trace(arguments.trace)
    if arguments.plot is not None:
        prof.plot(arguments.plot)
    return status


def _run(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("chainrule profile: interrupted", file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        return 1
    return 0
