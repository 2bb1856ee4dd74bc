"""What the suites of the console share: a real browser, somebody who uses it, and requests that no browser makes."""

import http.client
import os
import shutil
import urllib.parse
from pathlib import Path

import pytest
from conftest import ACCESS_KEY, SECRET_KEY
from playwright.sync_api import expect, sync_playwright

#: Names and values that would run a script, were they not escaped.
CORPUS = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "'><svg onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "</textarea><script>window.pwned=1</script>",
    "{{constructor.constructor('window.pwned=1')()}}",
    "\u202e<b>\u0000".replace("\u0000", ""),
]


@pytest.fixture(scope="module")
def house(start):
    """A gateway of this suite's own: it counts sign-ins and buckets."""
    return start()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        # Without one on the path, the one that Playwright installs.
        path = os.environ.get("ARQUETA_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    return Path(os.environ.get("ARQUETA_SHOTS") or tmp_path_factory.mktemp("shots"))


class Visitor:
    """A page that fails a test when a script of others runs or one of ours breaks."""

    def __init__(self, browser, house, language="en-GB", **options):
        self.house = house
        self.context = browser.new_context(base_url=house.url, locale=language, **options)
        self.page = self.context.new_page()
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text)
                     if message.type == "error" and "Failed to load resource" not in message.text else None)

    def at(self, path=""):
        return self.page.goto(f"{self.house.url}/-/console/{path}")

    def sign_in(self, key=ACCESS_KEY, secret=SECRET_KEY):
        self.at("sign-in")
        self.page.fill("#key", key)
        self.page.fill("#secret", secret)
        self.page.click("main button[type=submit]")
        return self

    def close(self):
        self.context.close()
        assert self.errors == []


@pytest.fixture
def guest(browser, house):
    visitor = Visitor(browser, house)
    yield visitor
    visitor.close()


@pytest.fixture
def root(guest):
    guest.sign_in()
    expect(guest.page.locator("h1")).to_be_visible()
    return guest


@pytest.fixture(scope="module")
def s3(house):
    return house.client("s3")


def asked(house, method, path, headers=None, body=None):
    """One request as no browser makes it: status, headers, body."""
    where = urllib.parse.urlsplit(house.url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def press(page, button):
    """Sends a form, and waits for the page that answers it."""
    with page.expect_navigation():
        page.click(button)


def cookies(visitor):
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in visitor.context.cookies())


def token(visitor):
    return visitor.page.locator("input[name=csrf]").first.get_attribute("value")


def raised(visitor):
    """Gives the secret again, for identities."""
    visitor.at("identities")
    visitor.page.fill("#key", ACCESS_KEY)
    visitor.page.fill("#secret", SECRET_KEY)
    visitor.page.click(".gate button[type=submit]")


def opened(page, form):
    """Opens what a form stands in."""
    page.locator(f"details:has({form})").evaluate_all("all => all.forEach((one) => { one.open = true; })")
