"""Machines are real or simulated for the life of a cloud."""

import pytest

from pileus import agent


def wiring(state):
    return agent.Wiring(local="here", state=state, images=None, metadata_url="", metadata_secret="")


async def started(state, **settings):
    node = agent.Node(agent.NodeSettings(**settings), wiring(state))
    try:
        await node.start()
        return sorted(node.hypervisors)
    finally:
        await node.close()


async def test_a_simulated_cloud_goes_on_with_as_many_hosts(tmp_path):
    hosts = await started(tmp_path, simulate=3)
    assert len(hosts) == 3
    assert await started(tmp_path) == hosts
    assert len(await started(tmp_path, simulate=4)) == 4


async def test_a_real_cloud_is_never_taken_for_a_simulated_one(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "machines").write_text("real")
    (tmp_path / "network").mkdir()
    with pytest.raises(RuntimeError, match=r"are real, but they would now be simulated: asked for\. Repair"):
        await started(tmp_path, simulate=1)
    assert (tmp_path / "network").exists()
