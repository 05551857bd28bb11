"""Uses the generated client against a running service: start, wait, conflict, list, unlink."""

import os
import time
import uuid
from http import HTTPStatus

import httpx

from service_client import AuthenticatedClient
from service_client.api.jobs import get_job
from service_client.api.linking import get_link, list_links, start_link, unlink
from service_client.models.indexed_link_state import IndexedLinkState
from service_client.models.job import Job
from service_client.models.job_result import JobResult
from service_client.models.job_state import JobState
from service_client.models.link_list import LinkList
from service_client.models.link_state import LinkState
from service_client.models.link_view import LinkView
from service_client.models.problem import Problem
from service_client.models.problem_code import ProblemCode
from service_client.models.start_link_by_public_token import StartLinkByPublicToken

INDEX_SECONDS = 60


def public_token(user_id: str) -> str:
    answer = httpx.post(f"{os.environ['PLAID']}/_control/createPublicToken", json={"userId": user_id})
    return str(answer.raise_for_status().json()["publicToken"])


def main() -> None:
    client = AuthenticatedClient(
        base_url=os.environ["API"],
        token=os.environ["KEY"],
        timeout=httpx.Timeout(75),
        raise_on_unexpected_status=True,
    )
    user_id = f"python-{uuid.uuid4()}"
    job = Job.EMPLOYER_CLASSIFICATION

    body = StartLinkByPublicToken(user_id=user_id, public_token=public_token(user_id), jobs=[job])
    started = start_link.sync_detailed(client=client, body=body)
    assert started.status_code == HTTPStatus.ACCEPTED, started.content
    assert isinstance(started.parsed, LinkView) and started.parsed.user_id == user_id

    result = get_job.sync(user_id, job, client=client, wait_seconds=60)
    assert isinstance(result, JobResult) and result.state is JobState.COMPLETED, result
    assert result.result, result

    other = StartLinkByPublicToken(user_id=user_id, public_token=public_token(user_id), jobs=[job])
    conflict = start_link.sync_detailed(client=client, body=other)
    assert conflict.status_code == HTTPStatus.CONFLICT, conflict.content
    assert isinstance(conflict.parsed, Problem) and conflict.parsed.code is ProblemCode.ALREADY_LINKED

    # The index follows by a moment.
    deadline = time.monotonic() + INDEX_SECONDS
    while True:
        page = list_links.sync(client=client, state=IndexedLinkState.LINKED, page_size=200)
        assert isinstance(page, LinkList), page
        if any(row.user_id == user_id for row in page.links):
            break
        assert time.monotonic() < deadline, "the link is not in the list"
        time.sleep(0.2)

    ended = unlink.sync_detailed(user_id, client=client, wait_seconds=60)
    assert ended.status_code == HTTPStatus.OK, ended.content
    assert isinstance(ended.parsed, LinkView) and ended.parsed.state is LinkState.UNLINKED

    missing = get_link.sync(f"nobody-{uuid.uuid4()}", client=client)
    assert isinstance(missing, Problem) and missing.code is ProblemCode.LINK_NOT_FOUND
    print("started, waited, met a conflict, listed, unlinked")


main()
