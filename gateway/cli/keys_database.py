"""Opens the database of keys for a command, and finds the pepper."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.acts import Actor
from gateway.domain.key_acts import KeyStateError, NoSuchKeyError
from gateway.domain.key_names import KeyTermsError
from gateway.store.engine import one_line, open_engine
from gateway.store.pepper import PEPPER_VARIABLE, PepperError, Peppers, pepper_file
from gateway.store.urls import DatabaseUrlError, sqlite_path, without_password


@contextmanager
def keys_database(url: str) -> Iterator[Engine]:
    """An engine on a database with tables of keys; whatever is wrong ends the command with one line."""
    shown = without_password(url)
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise click.ClickException(f"there is no database at {shown} yet: run `sizewise db upgrade` first")
    try:
        engine = open_engine(url)
    except DatabaseUrlError as error:
        raise click.UsageError(str(error)) from error
    try:
        yield engine
    except KeyTermsError as error:
        raise click.UsageError(str(error)) from error
    except (NoSuchKeyError, KeyStateError) as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        raise click.ClickException(
            f"{shown} would not: {one_line(error)}; check the URL, that it is up, and that it is upgraded"
            " (`sizewise db upgrade`)"
        ) from error
    finally:
        engine.dispose()


def peppers(database_url: str) -> Peppers:
    """Of the environment; else of the demo's file, where there is one."""
    file = pepper_file(database_url)
    try:
        text = os.environ.get(PEPPER_VARIABLE, "").strip() or file.read_text(encoding="utf-8").strip()
        return Peppers.parse(text)
    except FileNotFoundError as error:
        raise click.ClickException(
            f"{PEPPER_VARIABLE} is not set: keys are stored as digests under that secret. Make one, keep it where you"
            f" keep secrets, and give it to the gateway, too: export {PEPPER_VARIABLE}=v1:$(openssl rand -hex 32)"
        ) from error
    except OSError as error:
        raise click.ClickException(
            f"cannot read {str(file)!r}: {error.strerror}; set {PEPPER_VARIABLE} instead"
        ) from error
    except PepperError as error:
        raise click.ClickException(str(error)) from error


def actor() -> Actor:
    """Who types, as the operating system calls them."""
    try:
        return Actor(name=getpass.getuser(), origin="cli")
    except (KeyError, OSError):  # no user of that number, as in containers
        return Actor(name=f"uid {os.getuid()}", origin="cli")
