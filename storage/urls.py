"""Addresses of storage, below /api/."""

from django.urls import path

from storage import api, exports, holds, letters, report, tus

urlpatterns = [
    path("device/chunks/", tus.ChunksView.as_view()),
    path("device/chunks/<str:name>", tus.ChunkView.as_view()),
    path("device/report/", report.ReportView.as_view()),
    path("cameras/<str:jid>/playlist.m3u8", api.PlaylistView.as_view()),
    path("cameras/<str:jid>/chunks/<int:number>.mp4", api.MediaView.as_view()),
    path("cameras/<str:jid>/coverage/", api.CoverageView.as_view()),
    path("cameras/<str:jid>/days/", api.DaysView.as_view()),
    path("cameras/<str:jid>/retention/", api.RetentionView.as_view()),
    path("cameras/<str:jid>/snapshot.jpg", api.SnapshotView.as_view()),
    path("exports/", exports.ExportsView.as_view()),
    path("exports/<uuid:number>/", exports.ExportView.as_view()),
    path("exports/<uuid:number>/download/", exports.DownloadView.as_view()),
    path("letter/", letters.LetterView.as_view()),
    path("letter/stop/", letters.StopView.as_view()),
    path("holds/", holds.HoldsView.as_view()),
    path("holds/<int:number>/", holds.HoldView.as_view()),
]
