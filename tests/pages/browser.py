"""A person at a browser: signs in, finds things by the names that the contract gives them."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.support.portal import ADMIN, PortalProcess

#: The contract's names in both languages, and those of a few things that the tests press beside them.
NAMES = {
    "en": {
        "add": "Add from URL", "dialog": "Import image", "url": "Image URL", "name": "Target name", "tag": "Target tag",
        "username": "Username", "password": "Password", "start": "Start import", "close": "Close", "retry": "Retry",
        "cancel": "Cancel", "success": "Success", "failed": "Failed", "canceled": "Canceled", "running": "Running",
        "dismiss": "Dismiss", "sign_in": "Sign in", "many": "Many", "list": "List of images", "other": "中文",
    },
    "zh-hans": {
        "add": "从 URL 添加", "dialog": "导入镜像", "url": "镜像 URL", "name": "目标镜像名", "tag": "目标标签",
        "username": "用户名", "password": "密码", "start": "开始导入", "close": "关闭", "retry": "重试",
        "cancel": "取消", "success": "成功", "failed": "失败", "canceled": "已取消", "running": "进行中",
        "dismiss": "忽略", "sign_in": "登录", "many": "多个", "list": "镜像列表", "other": "English",
    },
}  # fmt: skip
LOCALES = {"en": "en-GB", "zh-hans": "zh-CN"}


@dataclass
class Person:
    """Someone with an open page of a portal."""

    page: Page
    portal: PortalProcess
    language: str

    def say(self, key: str) -> str:
        """A name in this person's language."""
        return NAMES[self.language][key]

    def sign_in(self, user: str = ADMIN, password: str = "") -> None:
        self.page.goto(f"{self.portal.url}/accounts/login/")
        self.page.get_by_label(self.say("username")).fill(user)
        self.page.get_by_label(self.say("password")).fill(password or self.portal.password)
        self.page.get_by_role("button", name=self.say("sign_in"), exact=True).click()
        expect(self.page).to_have_url(f"{self.portal.url}/")

    def open(self, path: str) -> None:
        self.page.goto(self.portal.url + path)

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=self.say(key), exact=True)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog", name=self.say("dialog"))

    def ask(self, image: str, **fields: str) -> None:
        """Open the dialog, fill it and start."""
        self.button("add").click()
        for key, text in {"url": image, **fields}.items():
            self.dialog.get_by_label(self.say(key)).fill(text)
        self.dialog.get_by_role("button", name=self.say("start")).click()
        expect(self.dialog).to_be_hidden()

    def card(self, name: str) -> Locator:
        """The import on top of the project page whose target is ``name``."""
        return self.page.get_by_role("article", name=name)
