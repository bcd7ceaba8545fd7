"""A picture that is lost is no longer known, and the row of its second rendering is the one that counts."""

from pathlib import Path

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
    assert lost not in set(known_candidates(lake, COUNTRY)["candidate_id"])
    report = run(lake, tasks, painter, run_id="later")
    assert (report.rendered, report.recovered) == (1, 0)
    assert lost_candidates(lake, COUNTRY) == set()
    assert_complete(lake, tasks)
    rows = known_candidates(lake, COUNTRY)
    assert rows.filter(run_id="later")["candidate_id"].to_list() == [lost]
