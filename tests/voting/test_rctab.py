"""RCTab configurations: counts that were published come out again, round by round."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from voting.cli import main
from voting.errors import InvalidFile
from voting.methods import METHODS
from voting.rctab import count_rctab, read_config, read_records

FOLDER = Path(__file__).resolve().parents[3] / "shared/data/ranked/rctab"
ELECTIONS = (
    json.loads(gzip.decompress((FOLDER / "expected.json.gz").read_bytes()))["elections"] if FOLDER.is_dir() else []
)
REPORTED = ("exhaustedChoices", "overvotes", "repeatedRankings", "skippedRankings", "finalRoundSurplus")


def votes(units, decimals):
    """A number of units as votes."""
    return Decimal(units).scaleb(-decimals)


def in_units_of_votes(texts):
    """What a report says, but for zeros."""
    return {name: Decimal(text) for name, text in texts.items() if Decimal(text)}


@pytest.mark.skipif(not ELECTIONS, reason="there is no ../shared/data/ranked/rctab")
@pytest.mark.parametrize("election", ELECTIONS, ids=lambda election: election["name"])
def test_a_published_report_comes_out_again(election):
    """Threshold, tally, inactive ballots, winners, losers and transfers of every round."""
    config = read_config(json.dumps(election).encode())
    records = read_records(gzip.decompress((FOLDER / election["file"]).read_bytes()), config)

    count = count_rctab(records, config)

    assert count.ballots == election["ballots"]
    assert [len(rounds) for rounds in count.passes] == [len(rounds) for rounds in election["expected"]]
    for rounds, reported in zip(count.passes, election["expected"], strict=True):
        for stage, told in zip(rounds, reported, strict=True):
            tally = {name: votes(units, config.decimals) for name, units in stage.tally.items()}
            assert tally == {name: Decimal(text) for name, text in told["tally"].items()}, told["round"]
            assert stage.threshold == Decimal(told["threshold"])
            inactive = {
                why: votes(units, config.decimals) for why, units in stage.inactive.items() if units and why in REPORTED
            }
            assert inactive == in_units_of_votes(told["inactiveBallots"]), told["round"]
            assert set(stage.elected) == {result["elected"] for result in told["tallyResults"] if "elected" in result}
            assert set(stage.eliminated) == {
                result["eliminated"] for result in told["tallyResults"] if "eliminated" in result
            }
            for result in told["tallyResults"]:
                moved = stage.transfers.get(result.get("elected") or result["eliminated"], {})
                assert {target: votes(units, config.decimals) for target, units in moved.items()} == in_units_of_votes(
                    result["transfers"]
                )


CONFIG = {
    "tabulatorVersion": "2.0.1",
    "outputSettings": {"contestName": "Board"},
    "cvrFileSources": [{"filePath": "a.xlsx", "overvoteLabel": "over", "skippedRankLabel": "", "provider": "ess"}],
    "candidates": [{"name": "Ann"}, {"name": "Ben", "aliases": ["B."]}, {"name": "Cas", "excluded": False}],
    "rules": {
        "tiebreakMode": "useCandidateOrder",
        "overvoteRule": "alwaysSkipToNextRank",
        "winnerElectionMode": "singleWinnerMajority",
        "numberOfWinners": "1",
        "decimalPlacesForVoteArithmetic": "4",
        "minimumVoteThreshold": "0",
        "maxSkippedRanksAllowed": "unlimited",
        "maxRankingsAllowed": "max",
    },
}
RECORDS = b"ballot,rank1,rank2,rank3\n1,Ann,,\n2,Ann,Ben,\n3,B.,over,Cas\n4,Cas,over,Ben\n5,Ben,Cas,\n6,,,\n"


def with_rules(**rules):
    """The configuration with other rules."""
    return json.dumps(CONFIG | {"rules": CONFIG["rules"] | rules}).encode()


def test_the_command_counts_records(capsys, tmp_path):
    """Cas goes out (one vote), the ballot skips the overvote and moves to Ben, who has most of five."""
    (tmp_path / "records.csv").write_bytes(RECORDS)
    (tmp_path / "rules.json").write_bytes(with_rules())
    arguments = ["tally", str(tmp_path / "records.csv"), "--rctab", str(tmp_path / "rules.json")]

    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(arguments) == 0
    words = capsys.readouterr().out

    assert (told["method"], told["ballots"], told["elected"], told["quota"]) == ("rctab", 6, ["Ben"], "3")
    first, last = told["rounds"]
    assert first["tally"] == {"Ann": "2", "Ben": "2", "Cas": "1"}
    assert (first["eliminated"], first["transfers"], first["exhausted"]) == (["Cas"], {"Cas": {"Ben": "1"}}, "1")
    assert (last["tally"], last["elected"], last["inactive"]) == ({"Ann": "2", "Ben": "3"}, ["Ben"], {"unranked": "1"})
    assert words.endswith("Elected: Ben\n")


def test_all_votes_are_accounted_for():
    """Two seats: in every round tally, inactive and residual surplus are all ballots."""
    config = read_config(with_rules(winnerElectionMode="multiWinnerAllowMultipleWinnersPerRound", numberOfWinners="2"))
    records = read_records(b"count,rank1,rank2\n7,Ann,Ben\n4,Ben,Cas\n3,Cas,Ben\n", config)

    rounds = count_rctab(records, config).passes[0]

    assert [
        sum(stage.tally.values()) + sum(stage.inactive.values()) + stage.residual == 14 * 10**4 for stage in rounds
    ] == [True] * len(rounds)
    assert (rounds[0].threshold, rounds[0].elected) == (5, ("Ann",))
    # 2 of Ann's 7 are surplus: 2/7 cut off at 0.2857, so each ballot keeps 0.7143 and 7 x 0.7143 is 0.0001 too much
    assert rounds[0].transfers == {"Ann": {"Ben": 19999, "residual surplus": 1}}
    assert rounds[1].tally == {"Ann": 50000, "Ben": 59999, "Cas": 30000}


@pytest.mark.parametrize(
    ("reason", "config"),
    [
        ("no JSON", b"{"),
        ("must be a JSON object", b"[]"),
        ("no object 'rules'", b'{"candidates":[{"name":"A"}]}'),
        ("no candidates", json.dumps(CONFIG | {"candidates": []}).encode()),
        ("'Ann' stands twice", json.dumps(CONFIG | {"candidates": [{"name": "Ann"}, {"name": "Ann"}]}).encode()),
        (
            "rules.tiebreakMode is 'stopCountingAndAsk'; it must be one of",
            with_rules(tiebreakMode="stopCountingAndAsk"),
        ),
        ("rules.overvoteRule is ''", with_rules(overvoteRule=None)),
        ("rules.winnerElectionMode is 'best'", with_rules(winnerElectionMode="best")),
        ("rules.maxSkippedRanksAllowed is '-1'", with_rules(maxSkippedRanksAllowed="-1")),
        ("rules.hareQuota is 'perhaps'; it must be true or false", with_rules(hareQuota="perhaps")),
        ("rules.numberOfWinners is 2; singleWinnerMajority elects 1", with_rules(numberOfWinners="2")),
        ("only bottomsUpUsingPercentageThreshold takes 0", with_rules(numberOfWinners=0)),
        ("but 3 candidates stand", with_rules(numberOfWinners="4", winnerElectionMode="bottomsUp")),
        (
            "rules.batchElimination is true in mode bottomsUp; it goes with one seat",
            with_rules(numberOfWinners="2", winnerElectionMode="bottomsUp", batchElimination=True),
        ),
        ("it must be 0 to 20", with_rules(decimalPlacesForVoteArithmetic="21")),
    ],
)
def test_a_configuration_that_is_wrong_is_told_by_its_setting(reason, config):
    """The setting, what it says, and what it may be."""
    with pytest.raises(InvalidFile) as refusal:
        read_config(config)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("reason", "records", "rules"),
    [
        ("line 3: 'Bob' is no candidate and no label", b"rank1\nAnn\nBob\n", {}),
        ("line 1: no column is a rank", b"Ann,Ben\n1,2\n", {}),
        ("line 1: 2 ranks, but rules.maxRankingsAllowed is 1", b"rank1,rank2\nAnn,Ben\n", {"maxRankingsAllowed": "1"}),
    ],
)
def test_a_record_that_means_nothing_is_told_with_its_line(reason, records, rules):
    """The line, the cell, and how to mend it."""
    with pytest.raises(InvalidFile) as refusal:
        read_records(records, read_config(with_rules(**rules)))
    assert reason in str(refusal.value)


@pytest.mark.parametrize("extra", [["--method", "irv"], ["--seats", "2"], ["--seed", "a"], ["--explain"]])
def test_a_configuration_says_everything(capsys, tmp_path, extra):
    """Nothing else goes with it."""
    (tmp_path / "records.csv").write_bytes(RECORDS)
    (tmp_path / "rules.json").write_bytes(with_rules())

    assert main(["tally", str(tmp_path / "records.csv"), "--rctab", str(tmp_path / "rules.json"), *extra]) == 2
    assert "does not go with --rctab" in capsys.readouterr().err


def test_it_is_no_method():
    """No contest can name it."""
    assert not [method for method in METHODS if "rctab" in method.id]
