"""The bytes of images: uploaded in one go, staged and imported, downloaded. Never held whole in memory."""
import hashlib
import threading
import time
import urllib.request

from ..request import Answer, CutShort
from .errors import Refusal, webob
from .glance import find, own
from .router import service

OCTETS = "application/octet-stream"


class Sink:
    """Where an upload goes: its size, its sums, and a file when there is a store."""

    def __init__(self, path):
        self.size, self.md5, self.sha512 = 0, hashlib.md5(), hashlib.sha512()
        self.path = path
        self.file = path.open("wb") if path else None

    def write(self, piece):
        self.size += len(piece)
        self.md5.update(piece)
        self.sha512.update(piece)
        if self.file:
            self.file.write(piece)

    def close(self, keep):
        if self.file:
            self.file.close()
            if not keep:
                self.path.unlink(missing_ok=True)


def place(ctx, id, suffix=""):
    return ctx.world.store / (id + suffix) if ctx.world.store else None


def check_kind(ctx):
    if ctx.request.headers.get("Content-Type", "").partition(";")[0].strip() != OCTETS:
        raise Refusal(415, "")


def cut_short(ctx):
    """Under uWSGI, as in most regions, it is an error of the server's; eventlet's own server sees bad chunks."""
    return webob(ctx.request, 400 if ctx.request.stream.chunked and ctx.region.eventlet else 500)


@service("image", "PUT", "/images/{id}/file", status=204, role="image_operator", streams=True)
def image_upload(ctx, id):
    world, writer = ctx.world, object()
    check_kind(ctx)
    with world.lock:
        image = own(ctx, id, "upload data for")
        if image.status != "queued":
            raise Refusal(409, f"Image status transition from {image.status} to saving is not allowed")
        for name in ("disk_format", "container_format"):
            if not image.base[name]:
                raise Refusal(400, "Properties disk_format, container_format must be set prior to saving data.")
        image.status, image.writer = "saving", writer
        image.touch()
    sink = Sink(place(ctx, id))
    try:
        for piece in ctx.request.stream.pieces():
            sink.write(piece)
            if image.status != "saving":
                break
    except (CutShort, OSError):
        sink.close(False)
        with world.lock:
            if image.status == "saving" and image.writer is writer:
                image.status = "queued"
                image.touch()
        return cut_short(ctx)
    with world.lock:
        gone = image.status != "saving"
        sink.close(not gone)
        if gone:
            raise Refusal(410, f"Image {id} could not be found after upload. The image may have been deleted "
                               f"during the upload.")
        finish(ctx, image, sink.size, sink.md5.hexdigest(), sink.sha512.hexdigest())
    return Answer(204, None)


def finish(ctx, image, size, md5, sha512):
    """Active, now or after the delay that tests have set."""
    delay = ctx.world.delays["image"]
    if not delay:
        image.became_active(size, md5, sha512)
        return
    image.task = (time.monotonic() + delay, lambda: image.became_active(size, md5, sha512))


@service("image", "PUT", "/images/{id}/stage", status=204, role="image_operator", streams=True)
def image_stage(ctx, id):
    check_kind(ctx)
    with ctx.world.lock:
        image = own(ctx, id, "upload data for")
        if image.status != "queued":
            raise Refusal(409, f"Image status transition from {image.status} to uploading is not allowed")
        image.status = "uploading"
    sink = Sink(place(ctx, id, ".staged"))
    try:
        for piece in ctx.request.stream.pieces():
            sink.write(piece)
    except (CutShort, OSError):
        sink.close(False)
        image.status = "queued"
        return cut_short(ctx)
    sink.close(True)
    image.staged = sink
    return Answer(204, None)


@service("image", "POST", "/images/{id}/import", status=202, role="image_operator")
def image_import(ctx, id):
    image = own(ctx, id, "import")
    method = (ctx.body or {}).get("method") or {}
    if method.get("name") == "glance-direct":
        if image.status == "active":
            raise Refusal(409, "Image with status active cannot be target for import")
        if image.status != "uploading" or image.staged is None:
            raise Refusal(409, "Image needs to be staged before 'glance-direct' method can be used")
        sink, image.staged = image.staged, None
        image.status = "importing"

        def done():
            if sink.path:
                sink.path.rename(place(ctx, id))
            image.became_active(sink.size, sink.md5.hexdigest(), sink.sha512.hexdigest())
        image.task = (time.monotonic() + ctx.world.delays["import"], done)
    elif method.get("name") == "web-download":
        if image.status != "queued":
            raise Refusal(409, "Image needs to be in 'queued' state to use 'web-download' method")
        image.status = "importing"
        threading.Thread(target=fetch, args=(ctx, image, method.get("uri", "")), daemon=True).start()
    else:
        raise Refusal(400, "Unknown import method name '%s'." % method.get("name"))
    return Answer(202, None)


def fetch(ctx, image, uri):
    sink = Sink(place(ctx, image.id))
    try:
        with urllib.request.urlopen(uri, timeout=30) as source:
            while piece := source.read(1 << 20):
                sink.write(piece)
    except (OSError, ValueError):
        # It stays queued, and only this property tells.
        sink.close(False)
        image.status = "queued"
        image.properties["os_glance_failed_import"] = "default"
        return
    sink.close(True)
    with ctx.world.lock:
        image.became_active(sink.size, sink.md5.hexdigest(), sink.sha512.hexdigest())


@service("image", "GET", "/images/{id}/file")
def image_download(ctx, id):
    image = find(ctx, id)
    path = place(ctx, id)
    if image.status == "deactivated":
        raise Refusal(403, "The requested image has been deactivated. Image data download is forbidden.")
    if image.size is None or path is None or not path.exists():
        return Answer(204, None)
    return Answer(200, None, [("Content-Md5", image.checksum)], OCTETS, file=path)


@service("image", "POST", "/images/{id}/actions/deactivate", role="image_operator")
def image_deactivate(ctx, id):
    image = own(ctx, id, "deactivate")
    if image.status not in ("active", "deactivated"):
        raise Refusal(403, "Not allowed to deactivate image in status '%s'" % image.status)
    image.status = "deactivated"
    return Answer(204, None)


@service("image", "POST", "/images/{id}/actions/reactivate", role="image_operator")
def image_reactivate(ctx, id):
    image = own(ctx, id, "reactivate")
    if image.status not in ("active", "deactivated"):
        raise Refusal(403, "Not allowed to reactivate image in status '%s'" % image.status)
    image.status = "active"
    return Answer(204, None)
