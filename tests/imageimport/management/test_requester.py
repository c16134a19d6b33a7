"""``--user`` of the commands that import."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest
from django.core.management.base import CommandError

from imageimport.management import requester
from tests.support.people import make_user


@pytest.mark.django_db
def test_the_requester_is_the_user_of_that_name_and_no_one_without_a_name() -> None:
    parser = ArgumentParser()
    requester.add_argument(parser)
    ann = make_user("ann")
    assert requester.find(parser.parse_args(["--user", "ann"]).user) == ann
    assert requester.find(parser.parse_args([]).user) is None
    with pytest.raises(CommandError, match="bob"):
        requester.find("bob")
