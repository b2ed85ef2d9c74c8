"""The command `ucam-agent`. Loads only what a subcommand needs: `run` stays small."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from . import __version__
from .config import Config, load, start_log
from .errors import AgentError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 with a sentence that says what went wrong and what to do."""
    options = _parser().parse_args(arguments)
    try:
        config = load(
            getattr(options, "config", None),
            getattr(options, "state", None),
            getattr(options, "media", None),
            getattr(options, "runtime", None),
        )
        start_log(config.log_level, "agent")
        return COMMANDS[options.command](config, options)
    except AgentError as error:
        print(f"ucam-agent: {error.message}", file=sys.stderr)
    except KeyboardInterrupt:
        print("ucam-agent: stopped.", file=sys.stderr)
    except OSError as error:
        logging.getLogger(__name__).debug("", exc_info=True)
        print(f"ucam-agent: {error}. Check the state directory and the disk.", file=sys.stderr)
    return 1


def _enrol(config: Config, options: argparse.Namespace) -> int:
    from .enrol import enrol

    device = enrol(config.state, options.url, options.code, again=options.again)
    print(f"This device is now {device.jid}. Start it: ucam-agent run --state {config.state.directory}")
    return 0


def _run(config: Config, _options: argparse.Namespace) -> int:
    from .config import read_device
    from .supervise import run

    read_device(config.state)
    return run(config)


def _status(config: Config, _options: argparse.Namespace) -> int:
    from .status import status

    lines, well = status(config.state)
    print("\n".join(lines))
    return 0 if well else 1


def _doctor(config: Config, _options: argparse.Namespace) -> int:
    from .doctor import examine, summary
    from .status import is_running

    findings = examine(config)
    last = summary(findings, recording=is_running(config.state))
    print("\n".join(str(finding) for finding in findings), last, sep="\n")
    return 0 if all(finding.works for finding in findings) else 1


COMMANDS = {"enrol": _enrol, "run": _run, "status": _status, "doctor": _doctor}


def _parser() -> argparse.ArgumentParser:
    """`--config`, `--state` and `--media` may stand before or after the subcommand."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument(
        "--config", metavar="FILE", help="configuration in TOML (default: /etc/ucam-agent.toml, if there)"
    )
    shared.add_argument(
        "--state", metavar="DIR", help="where identity and recordings lie (default: /var/lib/ucam-agent)"
    )
    shared.add_argument("--media", metavar="DIR", help="footage for cameras whose source is a file")
    parser = argparse.ArgumentParser(
        prog="ucam-agent",
        description="The camera side of ucam: records always, sends live pictures only while somebody watches.",
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"ucam-agent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    enrol = commands.add_parser("enrol", parents=[shared], help="make this device a camera, by a code from an operator")
    enrol.add_argument("url", metavar="URL", help="address of the server, such as https://ucam.example.org")
    enrol.add_argument("code", metavar="CODE", help="one-time code")
    enrol.add_argument("--again", action="store_true", help="replace the identity that this device has")
    run = commands.add_parser("run", parents=[shared], help="record, ship and serve viewers until stopped")
    run.add_argument(
        "--runtime", metavar="DIR", help="for what need not outlive a boot, on no card (default: the state directory)"
    )
    commands.add_parser("status", parents=[shared], help="how the running agent is")
    commands.add_parser("doctor", parents=[shared], help="what works and what does not")
    return parser


if __name__ == "__main__":
    sys.exit(main())
