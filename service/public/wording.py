"""Words that come from data and not from a template: who sees what, draws, and the voting page's script.

Every text here is a msgid; the languages are in frontend/locales. Nothing is translated in this file.
"""

from dataclasses import dataclass

from schemas.contest import Level


def N_(text: str) -> str:
    """Mark a text for translation and return it as it is."""
    return text


@dataclass(frozen=True)
class Party:
    """What someone can see of a vote, and what not."""

    name: str
    can: str
    cannot: str


POLICE_CANNOT = N_(
    "If you voted, when, from where, or how. Who asked for a code. Any result before it is made public. The police have"
    " no sign-in to the part that holds the list or the ballots."
)

PARTIES = (
    Party(
        N_("The police department"),
        N_(
            "What everyone sees: how many codes were used so far, in tens. After the count, each ballot without a name,"
            " a time or an address."
        ),
        POLICE_CANNOT,
    ),
    Party(
        N_("The City Clerk"),
        N_(
            "Which codes were used. Who was given a code at a desk or by link, so that no one gets two. That list is"
            " shredded after the audit."
        ),
        N_("Your vote. The code is cut off from the ballot on your own phone before the ballot is sent."),
    ),
    Party(
        N_("The mail house that prints the letters"),
        N_("Which code went to which address, until the audit is done. Then it must delete that list."),
        N_("Your vote. It could use a code that it printed, as with any vote by mail. See “If codes are misused”."),
    ),
    Party(
        N_("The team that runs the service"),
        N_("Sealed ballots, and after closing the open ones. Names are not on them."),
        N_(
            "Who sent a ballot. Ballots carry no name, no time and no number, and they are mixed before they are"
            " stored."
        ),
    ),
    Party(
        N_("Everyone"),
        N_("All ballots without names after the count, each step of the count, and proof that none was added or lost."),
        N_("Who cast which ballot. Numbers under 10 are hidden."),
    ),
    Party(
        N_("Someone near you"),
        N_("Your screen, if you let them, and a receipt, if you chose to save one."),
        N_("Your vote from the mail we send. Our mail never says what you chose."),
    ),
)


@dataclass(frozen=True)
class Point:
    """Something that could still go wrong, and what a voter can do. `assisted`: None where that does not matter."""

    title: str
    plain: str
    do: str
    levels: tuple[Level, ...] = ("standard", "high")
    assisted: bool | None = None
    rehearsal: bool = True


POINTS = (
    Point(
        N_("You can prove how you voted if you save a receipt"),
        N_(
            "Then so can someone who forces you. We keep no receipt unless you ask. You can vote again until closing,"
            " and only your last vote is opened. This does not protect you from someone who watches you until closing"
            " or"
            " who takes your code."
        ),
        N_("If you fear pressure at home or at work, vote at the clerk's desk. Do not save a receipt."),
    ),
    Point(
        N_("The clerk and the mail house know that a code was used"),
        N_("They need to know this so that no code works twice. They cannot see the vote that came with it."),
        N_("You cannot hide this from them. But it says only that a code was used, not what was chosen."),
    ),
    Point(
        N_("Network records could link you"),
        N_(
            "We switch off such records. But if the clerk's service and the ballot box both kept them in secret and put"
            " them side by side, the time and your network address might point to you."
        ),
        N_("Get your ballot ready on one day and send it on another, from a different network. The page offers this."),
    ),
    Point(
        N_("If codes are misused"),
        N_(
            "Those who sign ballots could, all together, vote in the place of people who never took part. After"
            " closing,"
            " auditors call people picked by lot and ask if they voted. You can also look up if your own code was used."
        ),
        N_("Look up your code, even if you do not plan to vote. Tell the Board if it was used without you."),
    ),
    Point(
        N_("A very long ranking can be like a signature"),
        N_(
            "With 12 options there are 108,384 ways to rank up to five of them, and over a billion ways to rank them"
            " all."
            " So we keep rankings short, and amounts come in steps."
        ),
        N_("Do not let anyone tell you an odd order to use. It could be a way to spot your ballot."),
    ),
    Point(
        N_("Small groups are not split out"),
        N_(
            "If all of a small group vote the same way, a result just for them would show how each one voted. No group"
            " has fewer than 300 people who may vote. No number below 10 is shown."
        ),
        N_("You need do nothing."),
        rehearsal=False,
    ),
    Point(
        N_("Your browser runs the page we send"),
        N_(
            "A bad page could change your vote or leak it. A fingerprint of the right page is public, so that others"
            " can"
            " check what we send. To check it yourself you need a second device or the offline program."
        ),
        N_("Check your ballot on another device after you vote, or vote at a desk."),
    ),
    Point(
        N_("What later computers could do"),
        N_(
            "The step that hides who you are does not rest on a hard puzzle, so no later computer can undo it. The seal"
            " on a vote that you replaced does rest on one. A strong new kind of computer might open it some day."
        ),
        N_("You need do nothing. Even an opened ballot has no name on it."),
    ),
    Point(
        N_("Voting without scripts"),
        N_(
            "If your browser runs no scripts, our server fills in the ballot for you. It sees your vote for a moment"
            " and"
            " does not keep it. The page says so before you start."
        ),
        N_("If you do not want this, use another browser, paper or a desk."),
        assisted=True,
    ),
    Point(
        N_("Voting without scripts"),
        N_("This contest has no form for browsers without scripts, since such a form would show us your vote."),
        N_("Use paper, a desk or the offline program."),
        assisted=False,
    ),
    Point(
        N_("We could open ballots early"),
        N_(
            "In this contest the service holds the key that opens the ballots. So the team that runs it could count"
            " them"
            " before closing. It could not see who cast them. Some contests split the key among outside people so that"
            " no one can do this."
        ),
        N_("Ask for a contest of level “high” if a leak of early counts would do harm."),
        levels=("standard",),
    ),
    Point(
        N_("The log has one keeper"),
        N_(
            "No outside group signs the log of this contest. If the keeper showed you one log and others another, you"
            " would see it only by comparing notes."
        ),
        N_("Save the log's fingerprint when you vote, and compare it with the one in the library or the paper."),
        levels=("standard",),
    ),
    Point(
        N_("Ties and the draw"),
        N_(
            "If two options tie, a number that was locked away before voting decides, mixed with the final log. The"
            " operator could sway such a draw only by holding back ballots. The report says so."
        ),
        N_("Keep your promise from the ballot box. It proves it if your ballot was held back."),
        levels=("standard",),
    ),
)


ORDINALS = (
    N_("1st"),
    N_("2nd"),
    N_("3rd"),
    N_("4th"),
    N_("5th"),
    N_("6th"),
    N_("7th"),
    N_("8th"),
    N_("9th"),
    N_("10th"),
)

CLIENT = {
    # Steps and their headings.
    "stepOf": N_("Step {step} of {steps}"),
    "codeHeading": N_("Type your code"),
    "rankHeading": N_("Rank the options"),
    "chooseHeading": N_("Choose projects"),
    "pointsHeading": N_("Give out your points"),
    "scoreHeading": N_("Score the options"),
    "reviewHeading": N_("Check your ballot"),
    "doneHeading": N_("Your ballot is in"),
    "readyHeading": N_("Your ballot is ready to send"),
    "errorTitle": N_("Error: {title}"),
    "oneError": N_("One thing to fix before you go on"),
    "someErrors": N_("Things to fix before you go on"),
    # The code.
    "groupEmpty": N_("Part {group} of your code is empty. Type its five characters."),
    "groupLength": N_("Part {group} must have five characters. You typed “{typed}”."),
    "groupLetters": N_("Part {group} has a character that codes never use. You typed “{typed}”."),
    "groupCheck": N_("There is a slip in part {group}. Compare “{typed}” with your letter."),
    "codeFromLink": N_("Your code came with the link. You do not need to type it."),
    # Ranking.
    "movedUp": N_("Moved up. “{option}” is now {place}."),
    "movedDown": N_("Moved down. “{option}” is now {place}."),
    "alreadyFirst": N_("“{option}” is already first."),
    "alreadyLast": N_("“{option}” is already the last one you ranked. To take it off, choose “Not ranked”."),
    "notRankedYet": N_("“{option}” has no rank yet. Press Up to rank it."),
    "allRanksUsed": N_("You have used all {max} ranks. Set one option to “Not ranked” first."),
    "inOrder": N_("Put in order."),
    "cleared": N_("All ranks are cleared."),
    "rankedOf": N_("Ranked: {count} of {max}."),
    "rankNothing": N_("You have not ranked anything yet. Give 1st to the option you like most."),
    "rankTwice": N_("More than one option is {place}. Give one of them another rank."),
    "rankTwiceHere": N_("This is {place}, and so is “{other}”."),
    "rankGap": N_("You have a {place} but no {missing}. Make your {place} the {free}."),
    "rankGapHere": N_("This is {place}, but nothing is {missing}."),
    # Budgets.
    "chosenTotal": N_("{used} of {budget} used."),
    "left": N_("{left} left."),
    "over": N_("{over} too much."),
    "chosenCount": N_("Projects you chose: {count}."),
    "needsMore": N_("Needs {amount} more than you have left. To add it, take something away."),
    "chooseNothing": N_("You have not chosen anything yet. Choose at least one."),
    "tooMany": N_("You chose {count}. Choose {max} or fewer."),
    "overBudget": N_("Your projects cost {over} more than there is. Take something away."),
    "pointsTotal": N_("{used} of {points} points given."),
    "pointsOver": N_("You gave {used} points. There are {points}. Take some away."),
    "badNumber": N_("Write a whole number here, or leave it empty."),
    "badStep": N_("Points come in steps of {step}."),
    "badScore": N_("Write a number from 0 to {max}."),
    # Review and casting.
    "leftUnranked": N_("Left without a rank: {options}."),
    "casting": N_("Sealing and sending. This can take a few seconds."),
    "fetchingToken": N_("Getting your ballot ready. This can take a few seconds."),
    "promiseText": N_("“This ballot will be in the public log by {time}.”"),
    "copied": N_("Copied."),
    "forgotten": N_("Everything about this question is gone from this device."),
    # What can go wrong.
    "codeUnknown": N_("This code is not on the list for this question. Compare it with your letter, or ask at a desk."),
    "codeUsed": N_(
        "This code was used on another device or browser. Vote again there. If it was not you, tell the clerk's desk:"
        " they look into it."
    ),
    "codeVoided": N_("This code was replaced by a new one. Use the new code, or ask at a desk."),
    "notOpen": N_("Voting is not open right now. Nothing was sent."),
    "superseded": N_("Another device keeps sending ballots with this code. Wait a moment and try again."),
    "tooBusy": N_("The ballot box is busy. Your ballot is kept on this device. Try again in a minute."),
    "noAnswer": N_(
        "No answer came. Your ballot is kept on this device and may or may not have arrived. Press the button again: it"
        " is never counted twice. If it keeps failing, vote at the clerk's desk or on paper."
    ),
    "noManifest": N_("No answer came, so nothing was sent. Check your connection and try again."),
    "wrongManifest": N_(
        "The rules that the server sent are not the ones that were signed for this question. Nothing was sent. Please"
        " tell the clerk's desk."
    ),
    "wrongToken": N_(
        "The signature that came back is wrong. This can be a sign that someone tries to mark your ballot. Nothing was"
        " cast. Please tell the clerk's desk: they can replace your code."
    ),
    "wrongPromise": N_(
        "The ballot box answered without a valid promise. Your ballot is kept on this device. Try again. If it keeps"
        " failing, tell the clerk's desk."
    ),
    "refusedBallot": N_("The ballot box did not accept this ballot. Check it and try again, or ask at a desk."),
    "keepsNothing": N_(
        "This browser keeps nothing, so we could not hold your ballot safely while sending. Use a normal window, not a"
        " private one."
    ),
    "failed": N_("Something went wrong on this page. Your entries are kept. Reload it and try again."),
}
"""What the voting page's script says. `{name}` is filled in by the script."""
