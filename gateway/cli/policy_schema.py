"""`sizewise policy schema`: what an editor may know of policy files and of their cases."""

from pathlib import Path

import click
import msgspec

from gateway.cli.output import write_file
from gateway.policyfile.case_schema import case_file_schema
from gateway.policyfile.json_schema import policy_file_schema


@click.command()
@click.option("--cases", "of_cases", is_flag=True, help="That of *.cases.yaml instead.")
@click.option("--write", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write it here instead.")
def schema(of_cases: bool, file: Path | None) -> None:
    """Print the JSON Schema of policy files, or with --cases of their cases, for editors."""
    document = schema_document(of_cases=of_cases)
    if file is None:
        click.echo(document, nl=False)
    else:
        write_file(file, document.encode())


def schema_document(*, of_cases: bool) -> str:
    """The schema as `policies/policy.schema.json` holds it, or `policies/cases.schema.json`."""
    found = case_file_schema() if of_cases else policy_file_schema()
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
