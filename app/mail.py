"""Mail: one plain message at a time, by SMTP, or, without a mail server, as a file in the instance folder.

A message that cannot be sent raises MailError, which the caller turns into words: what it did stands.
"""

from __future__ import annotations

import logging
import os
import secrets
import smtplib
import ssl
import time
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from flask import current_app

log = logging.getLogger("roundtrip.mail")

SECONDS = 5
AT_HOME = {"localhost", "127.0.0.1", "::1"}


class MailError(Exception):
    """The message was not sent; the text says why, for administrators."""


def is_set_up() -> bool:
    """Whether a mail server is set; without one messages are files that nobody gets."""
    return bool(current_app.config["ROUNDTRIP_MAIL_URL"])


def send(to: str, subject: str, text: str) -> None:
    """Send a message to one address. Raises MailError."""
    deliver = _by_smtp if is_set_up() else _to_file
    try:
        deliver(_message(to, subject, text), to)
    except (OSError, ValueError, IndexError, smtplib.SMTPException) as error:
        log.error("mail could not be sent: %r", error)
        raise MailError("The log of the app says why.") from error


def _message(to: str, subject: str, text: str) -> EmailMessage:
    """The policy refuses line breaks in headers, and an address that is two."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Roundtrip", addr_spec=_sender())
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{secrets.token_hex(16)}@{_sender().rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _server() -> SplitResult:
    return urlsplit(str(current_app.config["ROUNDTRIP_MAIL_URL"]))


def _sender() -> str:
    """`?from=` of the setting, else its user where that is an address, else one at the app's own host."""
    server = _server()
    given = parse_qs(server.query).get("from", [""])[0]
    user = unquote(server.username or "")
    host = urlsplit(current_app.config["ROUNDTRIP_PUBLIC_URL"]).hostname or "localhost"
    return given or (user if "@" in user else f"roundtrip@{host}")


def _by_smtp(message: EmailMessage, to: str) -> None:
    server = _server()
    with _connected(server) as smtp:
        if server.username:
            smtp.login(unquote(server.username), unquote(server.password or ""))
        smtp.send_message(message, to_addrs=[to])


def _connected(server: SplitResult) -> smtplib.SMTP:
    """A connection that is encrypted where the server can; a password never goes out without."""
    host, secure = server.hostname or "localhost", ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(host, server.port or 465, timeout=SECONDS, context=secure)
    smtp = smtplib.SMTP(host, server.port or 25, timeout=SECONDS)
    smtp.ehlo()
    if smtp.has_extn("starttls"):
        smtp.starttls(context=secure)
    elif server.username and host not in AT_HOME:
        smtp.close()
        raise smtplib.SMTPNotSupportedError("the server offers no encryption for the password")
    return smtp


def _to_file(message: EmailMessage, _to: str) -> None:
    """`instance/mail/<time>-<number>.eml`, for its owner alone: links in it let people in."""
    folder = Path(current_app.config["ROUNDTRIP_INSTANCE"]) / "mail"
    folder.mkdir(exist_ok=True)
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}.eml"
    with open(folder / name, "xb", opener=_private) as file:
        file.write(message.as_bytes())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
