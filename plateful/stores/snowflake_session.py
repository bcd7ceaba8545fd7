"""Sessions on Snowflake: key-pair login, query tag, bounded waits, lost ones opened again, clear errors.

A session lives for one piece of work, so nothing is held open between calls and a rotated key is read again.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from plateful.errors import ConfigError, PlatefulError, StoreError
from plateful.production import REQUIRED, ProductionSettings, variable

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor
    from snowflake.connector.errors import Error

T = TypeVar("T")
LOGIN_SECONDS, NETWORK_SECONDS = 30, 120
# A lost session is opened again after these; what is still away then is more than a hiccup.
WAITS = (1.0, 5.0)
SESSION = {
    "TIMEZONE": "UTC",
    # A statement of ours takes seconds; a whole country's feed at most some minutes.
    "STATEMENT_TIMEOUT_IN_SECONDS": 1_800,
    # By default a MERGE waits 12 hours for another one on its table.
    "LOCK_TIMEOUT": 300,
    # Work of a process that died would hold its lock on the table otherwise.
    "ABORT_DETACHED_QUERY": True,
}
KEY_FILE = variable("snowflake_private_key_file")
PASSPHRASE = variable("snowflake_private_key_passphrase")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}")
# Connection lost; token or session that the server does not know any more.
_DROPPED = {250002, 250003, 250005, 251005, 390104, 390110, 390111, 390112, 390114}


def identifier(text: str, what: str) -> str:
    """Return a name as SQL: quoted, in the upper case of unquoted names.

    Raises:
        ConfigError: not a plain name; such text never becomes part of a statement.
    """
    if not _IDENTIFIER.fullmatch(text):
        raise ConfigError(
            f"{what} {text[:80]!r} is not a plain Snowflake name",
            fix="use letters, digits, _ and $; a name that needs quotes can be given a view",
        )
    return f'"{text.upper()}"'


@dataclass(frozen=True)
class SnowflakeAccess:
    """Who connects where, and with which key.

    `host`, `port` and `protocol` are the account's own unless given. Snowflake charges by warehouse, so each
    purpose may have one of its own (`on`).
    """

    account: str
    user: str
    role: str
    database: str
    schema: str
    warehouse: str
    private_key_file: Path
    passphrase: SecretStr | None = None
    host: str | None = None
    port: int = 443
    protocol: str = "https"

    @classmethod
    def of(cls, settings: ProductionSettings, warehouse: str | None = None) -> "SnowflakeAccess":
        """Return what the settings give, on another warehouse if one is given.

        Raises:
            ConfigError: settings are missing; names all of them.
        """
        names = [name for name in REQUIRED if name.startswith("snowflake_")]
        missing = [name for name in names if not getattr(settings, name)]
        if missing:
            raise ConfigError(
                f"Snowflake needs {', '.join(variable(name) for name in missing)}",
                fix="set " + "; ".join(f"{variable(name)} to {REQUIRED[name]}" for name in missing),
            )
        given = {name.removeprefix("snowflake_"): getattr(settings, name) for name in names}
        return cls(
            **{**given, "warehouse": warehouse or given["warehouse"]},
            passphrase=settings.snowflake_private_key_passphrase,
            host=settings.snowflake_host,
            port=settings.snowflake_port,
            protocol=settings.snowflake_protocol,
        )

    @property
    def address(self) -> str:
        """Account, database and schema, as errors show them."""
        return f"snowflake://{self.account}/{self.database}/{self.schema}"

    def table(self, name: str) -> str:
        """Return a table of the schema as SQL.

        Raises:
            ConfigError: database or schema is not a plain name.
        """
        parts = (
            (self.database, variable("snowflake_database")),
            (self.schema, variable("snowflake_schema")),
            (name, "table"),
        )
        return ".".join(identifier(text, what) for text, what in parts)

    def run(
        self,
        purpose: str,
        work: "Callable[[SnowflakeCursor], T]",
        sleep: Callable[[float], None] = time.sleep,
    ) -> T:
        """Do work in a session of its own; after a dropped session, do it again from its start.

        Args:
            purpose: what for, as in the query tag `plateful/<purpose>`.
            work: statements that may be repeated without a second effect.
            sleep: waits that many seconds.

        Raises:
            ConfigError: the key cannot be read.
            StoreError: Snowflake refused, or stayed away.
        """
        from snowflake.connector.errors import Error

        for wait in (*WAITS, None):
            try:
                with self._connect(purpose) as connection, connection.cursor() as cursor:
                    return work(cursor)
            except Error as fault:
                if wait is None or not is_dropped(fault):
                    raise self.explained(fault) from fault
                sleep(wait)
        raise AssertionError("unreachable: the last turn returns or raises")

    def _connect(self, purpose: str) -> "SnowflakeConnection":
        from snowflake import connector

        place = {"host": self.host} if self.host else {}
        return connector.connect(
            account=self.account,
            user=self.user,
            role=self.role,
            database=self.database,
            schema=self.schema,
            warehouse=self.warehouse,
            authenticator="SNOWFLAKE_JWT",
            private_key=read_key(self.private_key_file, self.passphrase),
            port=self.port,
            protocol=self.protocol,
            login_timeout=LOGIN_SECONDS,
            network_timeout=NETWORK_SECONDS,
            paramstyle="qmark",
            application="Plateful",
            session_parameters={**SESSION, "QUERY_TAG": f"plateful/{purpose}"},
            **place,
        )

    def explained(self, fault: "Error") -> PlatefulError:
        """Return an error of ours that names what Snowflake refused and what to do."""
        text = " ".join(str(fault.msg or fault).split())[:400]
        return StoreError(f"{self.address} as {self.user} ({self.role}): {text}", fix=self._fix(fault, text))

    def _fix(self, fault: "Error", text: str) -> str:
        if "JWT" in text:
            return (
                f"register the key's public half: ALTER USER {self.user} SET RSA_PUBLIC_KEY='...'; "
                "and see that this machine's clock is right"
            )
        if fault.errno == 606 or "warehouse" in text.lower():
            return f"GRANT USAGE ON WAREHOUSE {self.warehouse} TO ROLE {self.role}"
        if fault.errno in (2003, 2043, 3001):
            return (
                f"create it, or grant role {self.role} its use: USAGE on the database and schema, "
                "SELECT on what is read, INSERT and UPDATE on published_images"
            )
        if is_dropped(fault):
            return "look whether Snowflake can be reached from here (plateful doctor), then run again"
        return "mend what it names and run again; what was done stays"


def is_dropped(fault: "Error") -> bool:
    """Return whether the session or the way to it was lost, so that another one may succeed."""
    from snowflake.connector import errors

    lost = (
        errors.OperationalError,
        errors.InternalServerError,
        errors.ServiceUnavailableError,
        errors.GatewayTimeoutError,
        errors.RequestTimeoutError,
        errors.BadGatewayError,
        errors.TooManyRequests,
        errors.OtherHTTPRetryableError,
        errors.RequestExceedMaxRetryError,
    )
    return isinstance(fault, lost) or fault.errno in _DROPPED


def read_key(path: Path, passphrase: SecretStr | None) -> bytes:
    """Return a private key as DER.

    Args:
        path: PEM file (PKCS#8).
        passphrase: of an encrypted one.

    Raises:
        ConfigError: no such file, not a private key, or a passphrase that is missing or wrong.
    """
    from cryptography.hazmat.primitives import serialization

    what = f"{KEY_FILE}={str(path)!r}"
    try:
        pem = path.read_bytes()
    except OSError as fault:
        raise ConfigError(f"{what}: {fault.strerror}", fix="mount the user's private key there") from None
    password = passphrase.get_secret_value().encode() if passphrase else None
    try:
        key = serialization.load_pem_private_key(pem, password)
    except TypeError:
        given = "is not encrypted, but a passphrase is set" if password else "is encrypted"
        fix = f"unset {PASSPHRASE}" if password else f"set {PASSPHRASE} or {PASSPHRASE}_FILE"
        raise ConfigError(f"{what} {given}", fix=fix) from None
    except ValueError:
        if b"ENCRYPTED" in pem and password:
            raise ConfigError(
                f"{what} does not open with {PASSPHRASE}", fix="correct the passphrase"
            ) from None
        raise ConfigError(
            f"{what} is no private key in PEM", fix="mount the user's RSA key (PKCS#8)"
        ) from None
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
