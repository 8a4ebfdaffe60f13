import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway.store.schema import SchemaError, current_revision, ensure_schema, migrations_folder, revisions
from gateway.store.upgrade import migrating, upgrade


def _alembic() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def test_the_cheap_scan_sees_what_alembic_sees() -> None:
    known, head = revisions()

    script = _alembic()
    assert head == script.get_current_head()
    assert known == {each.revision for each in script.walk_revisions()}


def test_a_database_that_is_not_there_is_at_no_revision(tmp_path: Path) -> None:
    assert current_revision(f"sqlite:///{tmp_path}/new.db") is None


def test_a_database_is_brought_to_the_head(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"

    ensure_schema(url)

    assert current_revision(url) == revisions()[1]


def test_a_database_of_a_later_release_is_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:///{tmp_path}/later.db"
    upgrade(url)
    with migrating(url) as config:
        connection = config.attributes["connection"]
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()

    ensure_schema(url)

    assert current_revision(url) == "9999"
    assert "newer than this release's" in caplog.text


def test_a_failed_upgrade_says_why_and_what_to_try(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/taken.db"
    with migrating(url) as config:
        connection = config.attributes["connection"]
        connection.execute(text("CREATE TABLE requests (id TEXT)"))
        connection.commit()

    with pytest.raises(SchemaError, match="table requests already exists; try `sizewise db upgrade`"):
        ensure_schema(url)


def test_a_serving_process_loads_neither_alembic_nor_sqlalchemy(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "import pathlib\n"
        "from gateway.store.ledger import Ledger\n"
        f"ledger = Ledger.to_database('sqlite:///{tmp_path}/new.db', pathlib.Path('{tmp_path}/spool'))\n"
        "ledger.start()\n"
        "assert ledger.close(60)\n"
        "print(sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))\n"
    )

    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert printed == "[]\n"
    assert current_revision(f"sqlite:///{tmp_path}/new.db") == revisions()[1]
