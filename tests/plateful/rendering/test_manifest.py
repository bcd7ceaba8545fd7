"""A picture that is lost is no longer known, and the row of its second rendering is the one that counts."""

from pathlib import Path

from plateful.rendering.current import current_candidates
from plateful.rendering.manifest import known_candidates, lost_candidates
from plateful.stores import Lake
from tests.plateful.rendering.sample import COUNTRY, Painter
from tests.plateful.rendering.test_shard import assert_complete, run, some_tasks


def test_a_lost_picture_is_rendered_again_and_its_new_row_counts(lake: Lake) -> None:
    painter = Painter()
    tasks = some_tasks(painter)
    run(lake, tasks, painter)
    lost = tasks[3].candidate_id
    Path(lake.image_path(lost)).unlink()
    assert lost_candidates(lake, COUNTRY) == {lost}
    gone = known_candidates(lake, COUNTRY).filter(status="quarantined")
    assert gone.select("candidate_id", "reason", "file_sha256").rows() == [(lost, "picture_lost", None)]
    report = run(lake, tasks, painter, run_id="later")
    assert (report.rendered, report.recovered) == (1, 0)
    assert lost_candidates(lake, COUNTRY) == set()
    assert_complete(lake, tasks)
    rows = known_candidates(lake, COUNTRY)
    assert set(rows["status"]) == {"ok"}
    assert rows.filter(run_id="later")["candidate_id"].to_list() == [lost]


def test_a_lost_picture_that_cannot_be_rendered_again_stays_in_the_tables_as_quarantined(lake: Lake) -> None:
    tasks = some_tasks(Painter())
    run(lake, tasks, Painter())
    Path(lake.image_path(tasks[3].candidate_id)).unlink()
    assert run(lake, tasks, Painter(cannot={"3": 1000})).quarantined == 1
    held = current_candidates(lake, COUNTRY, tasks, {tasks[3].request_id})
    assert held.filter(status="quarantined")["candidate_id"].to_list() == [tasks[3].candidate_id]
    freed = current_candidates(lake, COUNTRY, tasks, ())
    assert set(freed["candidate_id"]) == {t.candidate_id for t in tasks} - {tasks[3].candidate_id}
