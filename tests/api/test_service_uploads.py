"""Uploads within limits, at every way a body can be cut into chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from service_fakes import FakeScreener, draw_page, noise_page

from api.app import create_app
from api.errors import ServiceError
from api.settings import Settings
from api.uploads import ByteBudget, Hold, Upload, UploadLimits, read_upload

URL = "/api/v1/screenings"
LIMITS = UploadLimits(image_bytes=4096, request_bytes=10_000, seconds=5)
HEADERS = {"content-type": "multipart/form-data; boundary=cut"}


def body(*parts: tuple[str, bytes], end: bytes = b"--cut--\r\n") -> bytes:
    out = b""
    for name, data in parts:
        out += f'--cut\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode() + data + b"\r\n"
    return out + end


def read(
    data: bytes, *, step: int = 700, headers: dict[str, str] = HEADERS, budget: ByteBudget | None = None
) -> tuple[Upload, Hold]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), step):
            yield data[start : start + step]

    return asyncio.run(read_upload(chunks(), headers, LIMITS, budget or ByteBudget(10**6)))


@given(
    images=st.dictionaries(st.sampled_from(["visible", "ir", "uv"]), st.binary(min_size=1, max_size=500), min_size=1),
    step=st.integers(1, 400),
)
def test_images_arrive_whole_however_the_body_is_cut(images: dict[str, bytes], step: int) -> None:
    upload, _ = read(body(*images.items()), step=step)
    assert dict(upload.images) == images


@given(st.binary(max_size=600))
def test_any_bytes_give_a_service_error_or_an_upload(data: bytes) -> None:
    budget = ByteBudget(10**6)
    try:
        _, hold = read(data, budget=budget)
    except ServiceError:
        assert budget.used == 0
    else:
        assert hold.bytes == len(data)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (body(("xray", b"x")), 422, "upload.unknown_part"),
        (body(("../visible", b"x")), 422, "upload.unknown_part"),
        (body(("visible", b"x"), ("visible", b"y")), 422, "upload.repeated_part"),
        (body(("visible", b"")), 422, "upload.empty_part"),
        (body(), 422, "upload.no_image"),
        (body(("visible", b"x"), ("capture", b""), ("capture", b"")), 422, "upload.repeated_part"),
        (body(("capture", b"dpi = 300")), 422, "upload.no_image"),
        (b"", 422, "upload.malformed"),
        (body(("visible", b"x"), end=b""), 422, "upload.malformed"),
        (body(("visible", bytes(4097))), 413, "upload.image_too_large"),
        (body(("visible", bytes(4000)), ("ir", bytes(4000)), ("uv", bytes(4000))), 413, "upload.too_large"),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes, status: int, code: str) -> None:
    budget = ByteBudget(10**6)
    with pytest.raises(ServiceError) as refused:
        read(data, budget=budget)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert budget.used == 0


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "image/png", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300],
)
def test_wrong_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read(body(("visible", b"x")), headers={"content-type": content_type})
    assert refused.value.status in (415, 422)


def test_slow_upload_is_ended() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield body(("visible", b"x"), end=b"")
        await asyncio.sleep(60)

    limits = UploadLimits(4096, 10_000, 0.05)
    with pytest.raises(ServiceError) as refused:
        asyncio.run(read_upload(endless(), HEADERS, limits, ByteBudget(10**6)))
    assert (refused.value.status, refused.value.code) == (408, "upload.timeout")


def test_memory_of_all_uploads_is_bounded() -> None:
    budget = ByteBudget(3000)
    _, hold = read(body(("visible", bytes(2000))), budget=budget)
    with pytest.raises(ServiceError) as refused:
        read(body(("visible", bytes(2000))), budget=budget)
    assert (refused.value.status, refused.value.code) == (503, "service.overloaded")
    with hold:
        pass
    assert budget.used == 0


def test_digest_depends_on_lights_and_contents_alone() -> None:
    one = Upload({"visible": b"a", "ir": b"b"}, "x").digest()
    assert one == Upload({"ir": b"b", "visible": b"a"}, "y").digest()
    assert one != Upload({"visible": b"b", "ir": b"a"}, "x").digest()
    assert one != Upload({"visible": b"a"}, "x").digest()


def test_huge_upload_is_refused_without_being_taken(tmp_path: Path) -> None:
    screener = FakeScreener()
    settings = Settings(data=tmp_path / "d", min_free_bytes=0, max_image_bytes=200_000, max_request_bytes=300_000)
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        huge = client.post(URL, files={"visible": ("v", bytes(5_000_000))})
        assert (huge.status_code, huge.json()["code"]) == (413, "upload.too_large")
        state = client.app.state.service
        assert state.budget.used == 0
        assert client.post(URL, files={"visible": ("v", noise_page(1))}).status_code == 201
        assert state.budget.used == 0
    assert screener.calls == 1


def test_memory_is_given_back_after_every_kind_of_end(client: TestClient, screener: FakeScreener) -> None:
    state = client.app.state.service
    for data in (draw_page(), b"no image"):
        client.post(URL, files={"visible": ("v", data)}, headers={"Idempotency-Key": "k"})
        assert state.budget.used == 0
    screener.before = lambda: 1 / 0
    assert client.post(URL, files={"visible": ("v", draw_page(9))}).status_code == 500
    assert state.budget.used == 0


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\Users\\x\\pass.png", "a\x00b.png", "\u202egnp.exe", "x" * 4000, "'; DROP TABLE"]
)
def test_hostile_file_names_change_nothing(client: TestClient, name: str, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    answer = client.post(URL, files={"visible": (name, draw_page())})
    assert answer.status_code == 201
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert [path for path in new if len(path.name) != 64 and "sqlite3" not in path.name] == []


def test_statement_gives_the_resolution_and_the_reader_a_file_does_not_state(client: TestClient) -> None:
    images = {"visible": ("v", draw_page()), "uv": ("u", draw_page(70))}
    answer = client.post(URL, files={**images, "capture": ("capture.toml", b"dpi = { visible = 400 }")})
    assert answer.status_code == 201
    frames = {frame["light"]: frame["dpi"] for frame in answer.json()["capture"]["pages"][0]["frames"]}
    assert frames == {"visible": 400.0, "uv": pytest.approx(203, abs=0.1)}


@pytest.mark.parametrize("text", [b"dpi = 7", b"dpi", b"\xff", b"colour = 1", b"#" * 70_000])
def test_statement_that_cannot_be_used_is_refused(client: TestClient, text: bytes) -> None:
    answer = client.post(URL, files={"visible": ("v", draw_page()), "capture": ("capture.toml", text)})
    assert (answer.status_code, answer.json()["code"]) == (422, "capture.toml_invalid")


def test_same_key_with_another_statement_is_a_conflict(client: TestClient) -> None:
    def post(text: bytes) -> int:
        files = {"visible": ("v", draw_page()), "capture": ("capture.toml", text)}
        return client.post(URL, files=files, headers={"Idempotency-Key": "k"}).status_code

    assert [post(b"dpi = 300"), post(b"dpi = 300"), post(b"dpi = 600")] == [201, 200, 409]
