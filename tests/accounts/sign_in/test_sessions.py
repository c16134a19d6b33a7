"""Sessions are kept by a hash of their cookie, and live and end as ever."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.sign_in.sessions import SessionStore, row_key
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def signed_in(name: str = "ann") -> Client:
    client = Client()
    make_user(name, superuser=True)
    answer = client.post("/accounts/login/", {"username": name, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def cookie(client: Client) -> str:
    return client.cookies["sessionid"].value


def with_cookie(text: str) -> Client:
    client = Client()
    client.cookies["sessionid"] = text
    return client


def opens(text: str) -> bool:
    return bool(with_cookie(text).get("/admin/").status_code == 200)


def test_no_row_holds_a_cookie_and_what_a_row_holds_is_no_cookie() -> None:
    text = cookie(signed_in())
    (row,) = Session.objects.all()
    assert row.session_key == row_key(text) != text
    assert text not in str(vars(row))
    assert opens(text)
    assert not opens(row.session_key)


def test_a_session_is_kept_from_one_request_to_the_next() -> None:
    client = signed_in()
    store = SessionStore(cookie(client))
    store["seen"] = 1
    store.save()
    assert SessionStore(cookie(client))["seen"] == 1
    assert store.exists(cookie(client))
    assert not store.exists(row_key(cookie(client)))
    assert Session.objects.count() == 1


def test_signing_out_and_a_new_password_end_it() -> None:
    client = signed_in()
    left = cookie(client)
    client.post("/accounts/logout/")
    assert not opens(left)
    assert not Session.objects.exists()
    other, client = signed_in("bob"), Client()
    client.post("/accounts/login/", {"username": "bob", "password": PASSWORD})
    new = "another horse battery staple"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    before = cookie(client)
    assert client.post("/accounts/password/", form).status_code == 302
    assert opens(cookie(client)) and cookie(client) != before
    assert not opens(before) and not opens(cookie(other))


def test_an_old_session_opens_nothing_and_its_row_goes() -> None:
    text = cookie(signed_in())
    Session.objects.update(expire_date=timezone.now() - dt.timedelta(seconds=1))
    assert not opens(text)
    call_command("clearsessions")
    assert not Session.objects.exists()


def test_a_stranger_chooses_no_session() -> None:
    client = with_cookie("chosen-by-a-stranger-xxxxxxxxxxx")
    make_user("ann")
    client.post("/accounts/login/", {"username": "ann", "password": PASSWORD})
    assert not Session.objects.filter(session_key=row_key("chosen-by-a-stranger-xxxxxxxxxxx")).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.django_db(transaction=True)
def test_asynchronous_code_keeps_no_cookie_either() -> None:
    async def use() -> tuple[str, Any, bool]:
        store: Any = SessionStore()
        await store.aset("seen", 1)
        await store.asave()
        key = store.session_key
        again: Any = SessionStore(key)
        found = await again.aget("seen")
        there = await again.aexists(key)
        assert [row.session_key async for row in Session.objects.all()] == [row_key(key)]
        await again.adelete()
        return key, found, there

    def in_a_thread_without_a_loop() -> tuple[str, Any, bool]:
        try:
            return async_to_sync(use)()
        finally:
            connection.close()

    # Where a browser's test ran before, its event loop goes on in this thread.
    with ThreadPoolExecutor(max_workers=1) as thread:
        _key, found, there = thread.submit(in_a_thread_without_a_loop).result()
    assert (found, there) == (1, True)
    assert not Session.objects.exists()
