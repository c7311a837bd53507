"""Pages of the collecting side."""

from django.urls import path

from annotation.media.clip_files import clip_file
from annotation.pages import blind, campaign, console, features, footage, review_page, tus, views, workers
from annotation.pages.drafts import save_draft
from annotation.pages.task_page import TaskPage

urlpatterns = [
    path("batches/", views.BatchList.as_view(), name="batches"),
    path("batches/new/", campaign.BatchCreate.as_view(), name="batch-new"),
    path("batches/<int:pk>/", views.BatchDetail.as_view(), name="batch"),
    path("batches/<int:pk>/edit/", campaign.BatchEdit.as_view(), name="batch-edit"),
    path("batches/<int:pk>/delete/", campaign.BatchDelete.as_view(), name="batch-delete"),
    path("batches/<int:pk>/again/", campaign.ask_again, name="batch-again"),
    path("batches/<int:pk>/pause/", campaign.pause, name="batch-pause"),
    path("batches/<int:pk>/resume/", campaign.resume, name="batch-resume"),
    path("batches/<int:pk>/extend/", campaign.extend, name="batch-extend"),
    path("batches/<int:pk>/launch/", campaign.launch_batch, name="batch-launch"),
    path("batches/<int:pk>/close/", campaign.close, name="batch-close"),
    path("batches/<int:pk>/review/", review_page.review, name="batch-review"),
    path("batches/<int:pk>/review/undo/", review_page.undo, name="batch-undo"),
    path("batches/<int:pk>/review/clean/", review_page.use_clean, name="batch-clean"),
    path("batches/<int:pk>/figures/<slug:name>.svg", console.figure, name="batch-figure"),
    path("batches/<int:pk>/answers.<slug:form>", console.download, name="batch-export"),
    path("assignments/<int:pk>/decide/", review_page.decide, name="assignment-decide"),
    path("workers/", console.WorkerList.as_view(), name="workers"),
    path("workers/<int:pk>/", workers.WorkerDetail.as_view(), name="worker"),
    path("workers/<int:pk>/block/", workers.block, name="worker-block"),
    path("videos/", footage.VideoList.as_view(), name="videos"),
    path("videos/upload/", footage.upload, name="video-upload"),
    path("videos/uploads/", tus.UploadNew.as_view(), name="upload-new"),
    path("videos/uploads/<uuid:pk>/", tus.UploadParts.as_view(), name="upload"),
    path("videos/<int:pk>/cancel/", footage.cancel, name="video-cancel"),
    path("videos/<int:pk>/retry/", footage.retry, name="video-retry"),
    path("clips/", footage.ClipList.as_view(), name="clips"),
    path("clips/<int:pk>/", views.ClipDetail.as_view(), name="clip"),
    path("segments/<int:pk>/gold/", views.set_gold, name="segment-gold"),
    path("features/", features.FeatureSets.as_view(), name="features"),
    path("features/<int:pk>/retry/", features.retry, name="features-retry"),
    path("media/clip/<str:token>.mp4", clip_file, name="clip-file"),
    path("media/clip/<str:token>.jpg", clip_file, name="clip-still"),
    path("media/clip/<str:token>.svg", clip_file, name="clip-waveform"),
    path("task/<str:unit>/", TaskPage.as_view(), name="task"),
    path("task/<str:unit>/blind/", blind.check, name="task-blind"),
    path("task/<str:unit>/draft/", save_draft, name="task-draft"),
]
