"""Keeps calls of AWS SDKs that do not read AWS_ENDPOINT_URL on this machine: Python imports this before the handler.

botocore reads it since 1.31. To an older one it is given here; whatever else connects to a service of AWS is refused.
"""

import importlib.util
import os
import re
import socket
import sys

# Service endpoints as such, not what AWS hosts for its customers (databases, load balancers, APIs) and not S3's files.
_SERVICE_HOST = re.compile(
    r"(?!s3[.-])[a-z0-9-]+(\.[a-z]{2}(-[a-z]+)+-\d)?\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)", re.IGNORECASE
)
# Addresses that give credentials to machines of AWS.
_METADATA = {"169.254.169.254", "169.254.170.2", "fd00:ec2::254"}


def _is_named(host):
    """Whether an endpoint of this function is at the host: then it is meant."""
    urls = [value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")]
    return any(re.sub(r"^https?://", "", url).split("/")[0].split(":")[0] == host for url in urls)


def _guard(look_up):
    def getaddrinfo(host, *arguments, **named):
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and (name in _METADATA or (_SERVICE_HOST.fullmatch(name) and not _is_named(name))):
            # Not an OSError: SDKs try again after those.
            raise RuntimeError(
                f"Stepwell does not let a function call AWS itself ({name}): use an SDK that reads AWS_ENDPOINT_URL, "
                "or name the endpoint in stepwell.toml"
            )
        return look_up(host, *arguments, **named)

    return getaddrinfo


socket.getaddrinfo = _guard(socket.getaddrinfo)


class _Botocore:
    """Finds `botocore.session` once, and gives an old one its endpoints."""

    def find_spec(self, name, path=None, target=None):
        if name != "botocore.session":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_wrap(module):
            execute(module)
            _wrap(module)

        spec.loader.exec_module = execute_and_wrap
        return spec


def _wrap(module):
    version = [int(part) for part in sys.modules["botocore"].__version__.split(".")[:2]]
    if version >= [1, 31]:
        return
    create = module.Session.create_client

    def create_client(self, service_name, *arguments, **named):
        # The endpoint is the sixth of the arguments that stand by their place.
        if len(arguments) < 5 and named.get("endpoint_url") is None:
            own = "AWS_ENDPOINT_URL_" + service_name.upper().replace("-", "_")
            named["endpoint_url"] = os.environ.get(own) or os.environ.get("AWS_ENDPOINT_URL")
        return create(self, service_name, *arguments, **named)

    module.Session.create_client = create_client


sys.meta_path.insert(0, _Botocore())
