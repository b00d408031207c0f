"""Words around checking: what each check of the verifier shows and who could fool it, and what two scripts say.

Every text is a msgid. Numbers and names of the checks are the verifier's own; voting/FORMAT.md has the same in full.
"""

from dataclasses import dataclass

from service.public.auditing import Trust
from service.public.wording import N_
from voting.verify import CHECKS


@dataclass(frozen=True)
class CheckWords:
    """One check: its number and name as the verifier prints them, what it shows, and who would have to lie."""

    number: str
    name: str
    shows: str
    liar: str


_ARITHMETIC = N_("Nobody: it is arithmetic")
_REPORT = N_("Nobody: it only reports")
_ISSUER = N_("Whoever issues the tokens, with codes that they must not hold")
_ISSUERS = N_("All who issue tokens together, with codes that they must not hold")

_SHOWS = {
    "V1": N_("The files are complete, and none was changed after they were signed."),
    "V2": N_("The rules are the ones that were signed before opening. They fit the fingerprint on your letter."),
    "V3": N_("The roll holds the codes that were fixed before opening, each one once."),
    "V4": N_("The keys that admit ballots are sound, and no two are the same."),
    "V5": N_("The log only ever grew. Nothing was taken out or changed."),
    "V6": N_("The entries are exactly those that the log signed at its end."),
    "V7": N_("The log begins with the rules, holds every notice, and was closed once and not too early. No ballot came"
             " before voting opened."),
    "V8": N_("Each token was asked for with a code on the roll, once, and not with a voided one."),
    "V9": N_("Each ballot in the log is published, and no other."),
    "V10": N_("No ballot was changed on the way."),
    "V11": N_("Each ballot has a token for this question, from everyone who must sign it."),
    "V12": N_("Of several ballots with one token, only the last one counts."),
    "V13": N_("Each ballot says what was sealed in it. Ballots that were replaced stay shut."),
    "V14": N_("Valid ballots count and invalid ones do not, each for the right reason."),
    "V15": N_("There are no more voters than tokens, and no more tokens than codes that were given out."),
    "V16": N_("There is no paper ballot in it. This version cannot check paper, and rejects a count with some."),
    "V17": N_("The draw was made after the last ballot was in the log."),
    "V18": N_("The order that breaks ties follows from the draw."),
    "V19": N_("Counted again by a second program, every number in every round is the same."),
    "V20": N_("The authority signed these numbers and no others."),
    "V21": N_("Tells if a group is so small that the result could show how someone voted."),
    "V22": N_("Your own ballot is in the log as promised, and your code was used or not. You bring both."),
    "V23": N_("Files of the voting page are the ones that were announced, where some were."),
    "V24": N_("Lists for this question who must have been honest."),
}  # fmt: skip


def checks(trust: Trust) -> tuple[CheckWords, ...]:
    """Return the words of all checks, in order, for the numbers that a manifest names."""
    log = (
        N_("The log and its witnesses together")
        if trust.witnesses
        else N_("The keeper of the log, to people who never compare what they were shown")
    )
    issuers = _ISSUER if trust.issuers == 1 else _ISSUERS
    liars = {
        "V2": N_("Anyone, if you do not bring the fingerprint or the key yourself"),
        "V3": N_("Whoever made the roll, about who is on it"),
        "V5": log,
        "V7": N_("The log and its witnesses, about the time")
        if trust.witnesses
        else N_("The keeper of the log, about the time"),
        "V8": N_("Whoever holds codes that are not theirs"),
        "V10": N_("Nobody without the voter's own device"),
        "V11": issuers,
        "V13": N_("Whoever opens the ballots, about one that they say does not open. Its voter can show otherwise"),
        "V15": issuers,
        "V16": N_("Does not apply"),
        "V17": N_("Those who watched the dice")
        if trust.dice
        else N_("The operator, by holding back ballots that it had not promised"),
        "V19": N_("Nobody. The rules could be bad, but they are published"),
        "V21": _REPORT,
        "V22": N_("The ballot box, if it refused you before it promised"),
        "V23": N_("Whoever serves the page, to a single visitor"),
        "V24": _REPORT,
    }
    return tuple(
        CheckWords(number, name, _SHOWS[number], liars.get(number, _ARITHMETIC)) for number, name, _check in CHECKS
    )


UNPROVEN = (
    N_("That the roll lists the right people."),
    N_("That each code reached the person it was meant for, and nobody else used it."),
    N_("That each voter's device sent what it showed."),
    N_("That nobody watched a voter, and nobody linked one by time or network address."),
    N_("That no ballot was refused before the box promised to log it."),
)
"""What no check can show (voting/FORMAT.md, section 5)."""

CODE_CLIENT = {
    "usedHere": N_("This code was used, and it was used on this device."),
    "usedHereDo": N_("All is as it should be. What you chose cannot be seen from here."),
    "used": N_("This code was used."),
    "usedDo": N_(
        "If you voted with it, or got a ballot ready on another device, all is as it should be. If you did not, tell"
        " the clerk's desk: this is how misuse comes to light. What was chosen cannot be seen from here."
    ),
    "unused": N_("This code was not used."),
    "unusedDo": N_("Nobody has voted with it. You can use it to vote until {time}."),
    "unusedClosed": N_("Nobody voted with it. Voting has ended."),
    "voided": N_("This code no longer counts."),
    "voidedDo": N_("It was voided or replaced by a new one. Use the new code, or ask at a desk."),
    "unknown": N_("This code is not on the roll of this question."),
    "unknownDo": N_("Compare it with your letter: it may be for another question. If it is right, ask at a desk."),
    "asking": N_("Looking it up. This can take a few seconds."),
    "noAnswer": N_("No answer came. Check your connection and try again."),
    "wrongManifest": N_(
        "The rules that the server sent are not the ones that were signed for this question. Please tell the clerk's"
        " desk."
    ),
    "failed": N_("Something went wrong on this page. Reload it and try again."),
}
"""What the page "Was my code used?" says beside the words for codes and errors. `{name}` is filled in by the script."""

CHECK_CLIENT = {
    "markEmpty": N_("Paste your ballot's mark: 64 letters and numbers."),
    "markWrong": N_("This is not a ballot's mark. A mark has 64 characters, each from 0 to 9 or from a to f."),
    "promiseWrong": N_(
        "This promise does not hold. It is for another question, or it was not signed by this ballot box. Compare it"
        " with the file that you saved."
    ),
    "working": N_("Downloading the whole log and searching it here. This can take a few seconds."),
    "found": N_("Your ballot is in the log."),
    "foundWhere": N_("It is entry {entry}, counted from 0, of {size}, in the state that the log signed on {time}."),
    "foundNext": N_(
        "If you voted more than once, each ballot has its own mark. Only the last one counts. After the result you can"
        " follow it through the count on your own computer."
    ),
    "waiting": N_("Your ballot is not in the log yet."),
    "waitingBy": N_("The ballot box promised it by {time}. Look again then."),
    "waitingUnknown": N_(
        "Ballots go into the log in batches. Your promise says by when. Look again after that. Also compare the mark"
        " with what you saved."
    ),
    "due": N_("Your ballot should be in the log by now, and it is not."),
    "dueDo": N_(
        "It was promised by {time}. Reload this page in a few minutes. If it is still missing, keep the signed promise"
        " and tell the clerk's desk: it proves that the box broke its word."
    ),
    "missing": N_("This mark is not in the log, and the log is closed."),
    "missingDo": N_(
        "Compare the mark with what you saved. If it is right and you hold the signed promise, take it to the clerk's"
        " desk or to an auditor: it proves that the box broke its word."
    ),
    "pendingHere": N_("This device holds a ballot that was not confirmed. Its mark is filled in."),
    "markFromLink": N_("The mark came with the link. You do not need to paste it."),
    "badLog": N_(
        "The log that the server sent does not fit its own signature. Please tell the clerk's desk, and save this page."
    ),
    "noAnswer": CODE_CLIENT["noAnswer"],
    "wrongManifest": CODE_CLIENT["wrongManifest"],
    "failed": CODE_CLIENT["failed"],
}
"""What the page "Find my ballot" says beside the words for errors. `{name}` is filled in by the script."""
