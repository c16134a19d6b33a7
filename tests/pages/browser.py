"""A person at a browser: signs in, finds things by the names that the contract gives them."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from testbed.portal import ADMIN, PortalProcess

#: The contract's names in both languages, and those of a few things that the tests press beside them.
NAMES = {
    "en": {
        "add": "Add from URL", "dialog": "Import image", "url": "Image URL", "name": "Target name", "tag": "Target tag",
        "username": "Username", "password": "Password", "start": "Start import", "close": "Close", "retry": "Retry",
        "cancel": "Cancel", "success": "Success", "failed": "Failed", "canceled": "Canceled", "running": "Running",
        "dismiss": "Dismiss", "sign_in": "Sign in", "many": "Many", "list": "List of images", "other": "中文",
        "pull": "Copy pull command",
        "new_sync": "New scheduled sync", "image": "Image", "tags": "Tags", "when": "When",
        "save_sync": "Save scheduled sync", "run_now": "Run now", "one_new": "1 new", "what_changed": "What changed",
        "add_member": "Add member", "role": "Role", "role_of": "Role of noor", "remove": "Remove noor",
        "developer": "Developer", "viewer": "Viewer",
        "token_name": "Name", "create_token": "Create token", "revoke": "Revoke",
        "new_token": "New token", "delete": "Delete plain:1", "confirm": "Type plain:1 to confirm",
        "delete_image": "Delete image", "imported": "was imported", "maintainer": "Maintainer",
        "stop": "Stop import", "keep": "Keep running", "edit": "Edit and retry", "pick": "Pick another tag",
    },
    "zh-hans": {
        "add": "从 URL 添加", "dialog": "导入镜像", "url": "镜像 URL", "name": "目标镜像名", "tag": "目标标签",
        "username": "用户名", "password": "密码", "start": "开始导入", "close": "关闭", "retry": "重试",
        "cancel": "取消", "success": "成功", "failed": "失败", "canceled": "已取消", "running": "进行中",
        "dismiss": "忽略", "sign_in": "登录", "many": "多个", "list": "镜像列表", "other": "English",
        "pull": "复制拉取命令",
        "new_sync": "新建定时同步", "image": "镜像", "tags": "标签", "when": "时间",
        "save_sync": "保存定时同步", "run_now": "立即运行", "one_new": "新增 1 个", "what_changed": "变更内容",
        "add_member": "添加成员", "role": "角色", "role_of": "noor 的角色", "remove": "移除 noor",
        "developer": "开发者", "viewer": "查看者", "token_name": "名称", "create_token": "创建令牌", "revoke": "撤销",
        "new_token": "新建令牌", "delete": "删除 plain:1", "confirm": "请输入 plain:1 以确认",
        "delete_image": "删除镜像", "imported": "已导入", "maintainer": "维护者",
        "stop": "停止导入", "keep": "继续运行", "edit": "修改后重试", "pick": "选择其他标签",
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
