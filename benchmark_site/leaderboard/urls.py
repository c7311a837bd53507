"""Boards, submissions, teams, and the API."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmark_site.leaderboard.api import api
from benchmark_site.leaderboard.boards import views as board_views
from benchmark_site.leaderboard.organisers import views as organiser_views
from benchmark_site.leaderboard.submissions import comparing, tus
from benchmark_site.leaderboard.submissions import views as submission_views
from benchmark_site.leaderboard.teams import accounts, identities
from benchmark_site.leaderboard.teams import views as team_views
from benchmark_site.leaderboard.training import views as training_views

_TRACK = "boards/<slug:slug>/<str:version>/<slug:task>/<slug:split>/"

urlpatterns = [
    path(
        "api/tracks/<slug:slug>/<str:version>/<slug:task>/<slug:split>/uploads",
        csrf_exempt(tus.NewByToken.as_view()),
        name="api-upload-new",
    ),
    path("api/uploads/<uuid:pk>", csrf_exempt(tus.PartsByToken.as_view()), name="api-upload"),
    path("api/", api.urls),
    path("boards/", board_views.boards, name="boards"),
    path(_TRACK, board_views.board, name="board"),
    path(_TRACK + "board.csv", board_views.export_csv, name="board-csv"),
    path(_TRACK + "board.json", board_views.export_json, name="board-json"),
    path(_TRACK + "board.tex", board_views.export_tex, name="board-tex"),
    path(_TRACK + "board.bib", board_views.export_bib, name="board-bib"),
    path(_TRACK + "sota.json", board_views.export_sota, name="board-sota"),
    path(_TRACK + "compare/", comparing.compare, name="board-compare"),
    path(_TRACK + "settings/", organiser_views.settings, name="track-settings"),
    path(_TRACK + "overview/", organiser_views.overview, name="track-overview"),
    path(_TRACK + "everything.zip", organiser_views.download, name="track-download"),
    path("announcements/<int:pk>/withdraw/", organiser_views.withdraw, name="announcement-withdraw"),
    path(_TRACK + "rescore/", organiser_views.rescore_all, name="track-rescore"),
    path(_TRACK + "join/", organiser_views.join, name="track-join"),
    path("participants/<int:pk>/", organiser_views.decide, name="participant-decide"),
    path(_TRACK + "submit/", submission_views.submit, name="submit"),
    path(_TRACK + "uploads/", tus.NewByPage.as_view(), name="submission-upload-new"),
    path("submissions/uploads/<uuid:pk>/", tus.PartsByPage.as_view(), name="submission-upload"),
    path("submissions/uploads/<uuid:pk>/end/", submission_views.end_upload, name="submission-upload-end"),
    path("submissions/", submission_views.submissions, name="submissions"),
    path("submissions/<uuid:pk>/", submission_views.submission, name="submission"),
    path("submissions/<uuid:pk>/cancel/", submission_views.cancel_submission, name="submission-cancel"),
    path("submissions/<uuid:pk>/card/", submission_views.card, name="submission-card"),
    path("submissions/<uuid:pk>/file/delete/", submission_views.delete_own_file, name="submission-file-delete"),
    path("submissions/<uuid:pk>/final/", submission_views.choose, name="submission-final"),
    path("submissions/<uuid:pk>/public/", submission_views.publish, name="submission-public"),
    path("submissions/<uuid:pk>/report.json", submission_views.report, name="submission-report"),
    path("submissions/<uuid:pk>/badge.svg", submission_views.badge_of, name="submission-badge"),
    path("teams/", team_views.teams, name="teams"),
    path("teams/<int:pk>/tokens/", team_views.new_token, name="token-new"),
    path("teams/<int:pk>/invite/", team_views.invite, name="team-invite"),
    path("teams/<int:pk>/leave/", team_views.leave, name="team-leave"),
    path("teams/<int:pk>/mail/", team_views.mail, name="team-mail"),
    path("teams/<int:pk>/rename/", team_views.rename, name="team-rename"),
    path("members/<int:pk>/remove/", team_views.remove, name="member-remove"),
    path("invitations/<str:secret>/", team_views.invitation, name="invitation"),
    path("invitations/<int:pk>/withdraw/", team_views.withdraw_invitation, name="invitation-withdraw"),
    path("signup/", accounts.signup, name="signup"),
    path("address/", accounts.address, name="address"),
    path("login/provider/", identities.go, name="provider"),
    path("login/provider/back/", identities.come_back, name="provider-back"),
    path("tokens/<int:pk>/revoke/", team_views.revoke_token, name="token-revoke"),
    path("releases/<slug:slug>/<version:version>/search/", training_views.release_search, name="release-search"),
    path("training/<int:pk>/", training_views.training_run, name="training-run"),
]
