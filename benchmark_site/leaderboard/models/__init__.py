"""Tables of the scoring side: who submits, to which track, what was sent, what it scored."""

from benchmark_site.leaderboard.models.announcements import Announcement
from benchmark_site.leaderboard.models.choices import PublicPart, Reveal, Split, Task
from benchmark_site.leaderboard.models.comparisons import Comparison
from benchmark_site.leaderboard.models.identities import Identity
from benchmark_site.leaderboard.models.participants import Participant
from benchmark_site.leaderboard.models.submissions import Evaluation, PrivateScore, Score, Submission
from benchmark_site.leaderboard.models.teams import ApiToken, Invitation, Mail, Membership, Scope, Team
from benchmark_site.leaderboard.models.told import Told
from benchmark_site.leaderboard.models.tracks import Track
from benchmark_site.leaderboard.models.training import TrainingRun
from benchmark_site.leaderboard.models.uploads import SubmissionUpload
from benchmark_site.leaderboard.models.work import State

__all__ = [
    "Announcement",
    "ApiToken",
    "Comparison",
    "Evaluation",
    "Identity",
    "Invitation",
    "Mail",
    "Membership",
    "Participant",
    "PrivateScore",
    "PublicPart",
    "Reveal",
    "Scope",
    "Score",
    "Split",
    "State",
    "Submission",
    "SubmissionUpload",
    "Task",
    "Team",
    "Told",
    "Track",
    "TrainingRun",
]
