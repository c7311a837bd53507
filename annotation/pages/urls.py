"""Pages of the collecting side."""

from django.urls import path

from annotation.media.clip_files import clip_file
from annotation.pages import footage, review_page, views
from annotation.pages.drafts import save_draft
from annotation.pages.task_page import TaskPage

urlpatterns = [
    path("batches/", views.BatchList.as_view(), name="batches"),
    path("batches/new/", views.BatchCreate.as_view(), name="batch-new"),
    path("batches/<int:pk>/", views.BatchDetail.as_view(), name="batch"),
    path("batches/<int:pk>/launch/", views.launch, name="batch-launch"),
    path("batches/<int:pk>/close/", views.close, name="batch-close"),
    path("batches/<int:pk>/review/", review_page.review, name="batch-review"),
    path("batches/<int:pk>/review/undo/", review_page.undo, name="batch-undo"),
    path("batches/<int:pk>/review/clean/", review_page.use_clean, name="batch-clean"),
    path("assignments/<int:pk>/decide/", review_page.decide, name="assignment-decide"),
    path("videos/", footage.VideoList.as_view(), name="videos"),
    path("videos/upload/", footage.upload, name="video-upload"),
    path("videos/<int:pk>/cancel/", footage.cancel, name="video-cancel"),
    path("videos/<int:pk>/retry/", footage.retry, name="video-retry"),
    path("clips/", footage.ClipList.as_view(), name="clips"),
    path("clips/<int:pk>/", views.ClipDetail.as_view(), name="clip"),
    path("media/clip/<str:token>.mp4", clip_file, name="clip-file"),
    path("media/clip/<str:token>.jpg", clip_file, name="clip-still"),
    path("task/<str:unit>/", TaskPage.as_view(), name="task"),
    path("task/<str:unit>/draft/", save_draft, name="task-draft"),
]
