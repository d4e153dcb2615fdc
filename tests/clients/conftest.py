"""One server a module, a name of its own for every resource of a test."""

import itertools
import re

import pytest

from harness import Server

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that lives as long as the tests of a module."""
    with Server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def states(server):
    """Step Functions of boto3."""
    return server.states


@pytest.fixture
def functions(server):
    """Lambda of boto3."""
    return server.functions


@pytest.fixture
def name(request):
    """Makes names that no other resource has."""
    test = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:40].strip("-")
    return lambda what: f"{what}-{next(_numbers)}-{test}"[:64].rstrip("-")
