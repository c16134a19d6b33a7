"""Robots that send what their cluster runs: HTTP Basic with the robot's name and secret."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.sign_in.authentication import CHALLENGE
from accounts.sign_in.services import InvalidCredentials, TooManyFailures
from projects.models import Robot
from projects.token_service.authentication import identify


class RobotScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Basic`` with a robot's name and secret."""

    target_class = "workloads.api.robots.RobotAuthentication"
    name = "robot"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "basic", "description": "A robot account's name and secret."}


class RobotCaller(AnonymousUser):
    """No user, and may nothing as one; the audit log has what a robot does in its name."""

    def __init__(self, robot: Robot) -> None:
        super().__init__()
        self.robot = robot

    def get_username(self) -> str:
        return self.robot.login


class RobotAuthentication(BaseAuthentication):
    """A robot by its name and secret (RFC 7617). Names of people are not looked at: they use tokens."""

    def authenticate(self, request: Request) -> tuple[RobotCaller, Robot] | None:
        """The robot in place of a user, and its row; None where the header is absent or names no robot.

        :raises AuthenticationFailed: wrong, expired or revoked.
        :raises Throttled: the address failed too often.
        """
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            username, _colon, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        if not username.startswith("robot$"):
            return None
        try:
            caller = identify(username=username, password=secret)
        except TooManyFailures as error:
            raise exceptions.Throttled(error.seconds) from None
        except InvalidCredentials:
            raise exceptions.AuthenticationFailed from None
        return (RobotCaller(caller.robot), caller.robot) if caller.robot is not None else None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE
