"""`sluicegate serve`: the proxy, until SIGTERM or Ctrl-C."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from proxy.app import serve
from proxy.edges.configuration.file import load
from proxy.workers import as_worker, supervise

EXAMPLES = """examples:
  sluicegate serve -c sluicegate.yaml
  sluicegate serve -c sluicegate.yaml --upstream http://127.0.0.1:9000 --listen 0.0.0.0:8080
  sluicegate serve -c sluicegate.yaml --policies ./policies --workers 2

Flags win over the file, the file over the defaults. SIGHUP reads policies, keys and certificates again;
SIGTERM lets running answers end (listen.drain_s) and then stops."""

# flag → the setting that it overrides
FLAGS = {
    "upstream": "upstreams.0.url",
    "listen": "listen.address",
    "admin": "listen.admin",
    "policies": "hard_rules.policies",
    "workers": "listen.workers",
    "state": "state",
}


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="default: ./sluicegate.yaml if it is there"
    )
    parser.add_argument(
        "--upstream", metavar="URL", help="the inference server, such as http://127.0.0.1:9000"
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="the callers' side (default 127.0.0.1:8080)")
    parser.add_argument("--admin", metavar="HOST:PORT", help="health and metrics (default 127.0.0.1:8081)")
    parser.add_argument(
        "--policies", metavar="DIR", help="the policy repository (default: the sample policies)"
    )
    parser.add_argument("--workers", metavar="N", help="processes that share the port (default 1)")
    parser.add_argument("--state", metavar="DIR", help="keys, spool, records and caches (default ./var)")
    parser.add_argument(
        "--worker", type=int, help=argparse.SUPPRESS
    )  # how the supervisor starts one of several


def overrides(args: argparse.Namespace) -> Mapping[str, str]:
    return {key: value for flag, key in FLAGS.items() if (value := getattr(args, flag, None)) is not None}


def run(args: argparse.Namespace) -> int:
    settings = load(args.config, overrides=overrides(args), environ=os.environ, serving=True)
    if args.worker is not None:
        return serve(as_worker(settings, args.worker), worker=True)
    if settings.listen.workers > 1:
        return supervise(settings, sys.argv[1:])
    return serve(settings)
