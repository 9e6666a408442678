"""Run logs: what is written reads back, what is damaged is named."""

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab3.log.records import (
    Baseline,
    DataRecord,
    Epoch,
    Hyperparameters,
    Record,
)
from lab3.log.runlog import (
    LOG_NAME,
    RunLog,
    RunLogError,
    append,
    json_schema,
    read_log,
    write_atomically,
)
from tests.making.logs.records import (
    SHA,
    analysis,
    changed,
    end,
    epoch,
    latency,
    line,
    quantized,
    result,
    resume,
    start,
    tensor,
    written,
)

if TYPE_CHECKING:
    import jsonschema

RECORDS = {
    "start": start(baseline=Baseline(name="fp32", checkpoint_sha256=SHA)),
    "resume": resume(),
    "epoch": epoch(1),
    "quantized": quantized(),
    "analysis": analysis(),
    "end": end(),
    "result": result(),
}

words = st.text(max_size=12)
counts = st.integers(-(2**70), 2**70)
numbers = st.floats(allow_nan=False, allow_infinity=False)
fractions = st.floats(0, 1)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
times = st.datetimes(timezones=st.just(UTC))
schemes = st.sampled_from(["fp32", "int8-per-tensor", "int8-per-channel"])
hyperparameters = st.builds(
    Hyperparameters,
    epochs=st.integers(1, 10**6),
    batch_size=st.integers(1, 10**6),
    optimizer=st.sampled_from(["sgd", "adamw"]),
    learning_rate=st.floats(0, 1e9, exclude_min=True),
    momentum=st.floats(0, 1, exclude_max=True),
    weight_decay=st.floats(0, 1e9),
    scheduler=st.sampled_from(["cosine", "multistep", "constant"]),
    label_smoothing=st.floats(0, 1, exclude_max=True),
    augmentation=st.sampled_from(["none", "crop", "crop-flip", "autoaugment"]),
    seed=st.integers(0, 9_999),
)
starts = st.builds(
    start,
    kind=st.sampled_from(["train", "ptq", "qat"]),
    name=words,
    time=times,
    arch=words,
    width=counts,
    data=st.builds(
        DataRecord, name=words, train=counts, validation=counts, test=counts, fingerprint=digests
    ),
    hyperparameters=st.none() | hyperparameters,
    calibration_images=st.none() | counts,
    qconfig=st.sampled_from([None, "ptq", "qat", "default"]),
    baseline=st.none() | st.builds(Baseline, name=words, checkpoint_sha256=digests),
    code_sha256=digests,
    given_sha256=digests,
)
later = st.one_of(
    st.builds(resume, time=times, epoch=counts, step=counts),
    st.builds(
        epoch,
        st.just(1),
        train_loss=numbers,
        train_accuracy=fractions,
        validation_loss=numbers,
        validation_accuracy=fractions,
        learning_rate=numbers,
        duration_s=numbers,
        images_per_s=numbers,
    ),
    st.builds(
        quantized,
        engine=words,
        scheme=schemes,
        accuracy_with_float_biases=fractions,
        validation_accuracy=fractions,
    ),
    st.builds(
        analysis,
        images=counts,
        tensors=st.lists(
            st.builds(
                tensor,
                layer=words,
                role=st.sampled_from(["weight", "activation", "addition"]),
                scale_before=numbers,
                shift=st.none() | counts,
                outside=fractions,
                sqnr_db=st.none() | numbers,
                counts=st.lists(st.integers(0, 2**40), min_size=1, max_size=4),
            ),
            max_size=3,
        ),
    ),
    st.builds(end, time=times, best_epoch=st.none() | counts, checkpoint_sha256=digests),
    st.builds(
        result,
        time=times,
        scheme=schemes,
        accuracy=fractions,
        loss=numbers,
        class_accuracy=st.dictionaries(words, st.none() | fractions, max_size=3),
        confusion=st.lists(st.lists(counts, max_size=3), max_size=3),
        latency=st.builds(latency, engine=words, threads=counts, median_s=numbers),
    ),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Any valid log: a start, then records of all kinds, the epochs among them in order."""
    records: list[Record] = [draw(starts)]
    number = 0
    for record in draw(st.lists(later, max_size=6)):
        if isinstance(record, Epoch):
            number += 1
            record = record.model_copy(update={"epoch": number})
        records.append(record)
    return records


def without(record: Record, field: str) -> bytes:
    fields = record.model_dump(mode="json")
    del fields[field]
    return json.dumps(fields).encode() + b"\n"


@settings(max_examples=60)
@given(records=logs())
def test_what_is_appended_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    run = tmp_path_factory.mktemp("log") / "runs" / "fp32"
    for record in records:
        append(run, record)
    log = read_log(run)
    assert log == RunLog(run / LOG_NAME, tuple(records), is_torn=False)
    assert log.start == records[0]
    assert log.epochs == [record for record in records if isinstance(record, Epoch)]


def test_the_last_evaluation_counts(tmp_path: Path) -> None:
    records = [quantized(engine="a"), result(loss=1.0), quantized(engine="b"), result(loss=2.0)]
    written(tmp_path, start(), *records)
    log = read_log(tmp_path)
    assert (log.quantized, log.result, log.end) == (records[2], records[3], None)


@pytest.mark.parametrize("last", [kind for kind in RECORDS if kind != "start"])
def test_a_last_line_cut_at_any_byte_is_left_out_and_reported(tmp_path: Path, last: str) -> None:
    path = written(tmp_path, start(), resume())
    begin = len(path.read_bytes())
    content = written(tmp_path, start(), resume(), RECORDS[last]).read_bytes()
    for cut in range(begin, len(content) - 1):
        path.write_bytes(content[:cut])
        assert read_log(tmp_path) == RunLog(path, (start(), resume()), is_torn=cut > begin)


def test_a_last_line_that_lacks_only_its_line_end_is_complete(tmp_path: Path) -> None:
    path = written(tmp_path, start(), epoch(1), line(epoch(2))[:-1])
    assert read_log(tmp_path) == RunLog(path, (start(), epoch(1), epoch(2)), is_torn=False)


def test_appending_keeps_a_record_that_lacks_only_its_line_end(tmp_path: Path) -> None:
    written(tmp_path, start(), epoch(1), line(epoch(2))[:-1])
    append(tmp_path, epoch(3))
    assert read_log(tmp_path).epochs == [epoch(1), epoch(2), epoch(3)]


def test_appending_after_a_torn_line_repairs_the_log(tmp_path: Path) -> None:
    torn = line(result())
    for cut in range(1, len(torn) - 1, 23):
        path = written(tmp_path, start(), torn[:cut])
        assert read_log(tmp_path).is_torn
        append(tmp_path, epoch(1))
        assert path.read_bytes() == line(start()) + line(epoch(1))


def test_a_log_whose_only_line_is_torn_has_no_start(tmp_path: Path) -> None:
    path = written(tmp_path, line(start())[:-20])
    with pytest.raises(RunLogError) as caught:
        read_log(tmp_path)
    assert str(caught.value).startswith(f"{path}:1: event: ")


DAMAGES = {
    "a line cut in the middle of the log": (line(epoch(1))[:40] + b"\n", "line", "JSON"),
    "bytes that are no text": (b"\xff\xfe\n", "line", "JSON"),
    "a number instead of an object": (b"1\n", "line", "object"),
    "an unknown field": (changed(epoch(1), accuracy=0.5), "accuracy", "not permitted, got 0.5"),
    "an unknown field further in": (
        changed(result(), latency=latency().model_dump() | {"mean_s": 1}),
        "latency.mean_s",
        "not permitted",
    ),
    "a missing field": (without(epoch(1), "train_loss"), "train_loss", "required"),
    "an accuracy in percent": (
        changed(epoch(1), train_accuracy=45.55),
        "train_accuracy",
        "less than or equal to 1, got 45.55",
    ),
    "a negative accuracy": (
        changed(end(), validation_accuracy=-0.1),
        "validation_accuracy",
        "greater than or equal to 0",
    ),
    "an accuracy of a class above 1": (
        changed(result(), class_accuracy={"cat": 1.5}),
        "class_accuracy.cat",
        "less than or equal to 1",
    ),
    "a loss that is nan": (changed(epoch(1), train_loss=float("nan")), "train_loss", "finite"),
    "an infinite loss": (changed(result(), loss=float("inf")), "loss", "finite"),
    "an unknown event": (changed(epoch(1), event="epok"), "line", "'epok' found using 'event'"),
    "no event": (without(epoch(1), "event"), "line", "'event'"),
    "a digest in capitals": (
        changed(end(), checkpoint_sha256=SHA.upper()),
        "checkpoint_sha256",
        "pattern",
    ),
    "an epoch 0": (changed(epoch(1), epoch=0), "epoch", "greater than or equal to 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("behind", [[], [end()]], ids=["last", "not last"])
def test_a_damaged_line_is_refused_by_file_line_and_field(
    tmp_path: Path, damage: str, behind: list[Record]
) -> None:
    content, field, reason = DAMAGES[damage]
    path = written(tmp_path, start(), resume(), content, *behind)
    with pytest.raises(RunLogError) as caught:
        read_log(tmp_path)
    assert str(caught.value).startswith(f"{path}:3: {field}: ")
    assert reason in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 250


def test_empty_lines_are_counted_but_mean_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, start(), b"\n \n", epoch(1))
    assert read_log(tmp_path) == RunLog(path, (start(), epoch(1)), is_torn=False)
    written(tmp_path, start(), b"\n \n", b"{}\n")
    with pytest.raises(RunLogError, match=r"run\.jsonl:4: "):
        read_log(tmp_path)


@pytest.mark.parametrize("epochs", [[2], [1, 1], [1, 3], [2, 1], [1, 2, 3, 2]])
def test_epochs_out_of_order_are_refused_by_file_line_and_field(
    tmp_path: Path, epochs: list[int]
) -> None:
    path = written(tmp_path, start(), *map(epoch, epochs), end())
    first = next(i for i, number in enumerate(epochs) if number != i + 1)
    with pytest.raises(RunLogError) as caught:
        read_log(tmp_path)
    assert str(caught.value).startswith(f"{path}:{2 + first}: epoch: ")


@pytest.mark.parametrize("content", [b"", b"\n\n", line(epoch(1)), line(end()) + line(start())])
def test_a_log_without_start_is_refused(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(RunLogError) as caught:
        read_log(tmp_path)
    assert str(caught.value) == f"{path}:1: event: a log begins with a start record"


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunLogError) as caught:
        read_log(tmp_path / "fp32")
    assert str(tmp_path / "fp32" / LOG_NAME) in str(caught.value)


@pytest.fixture(scope="module")
def schema() -> "jsonschema.Draft202012Validator":
    import jsonschema  # only here: its formats take seconds

    document = json.loads(json_schema())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


@settings(max_examples=60)
@given(records=logs())
def test_the_schema_accepts_every_line_that_is_written(
    schema: "jsonschema.Draft202012Validator", records: list[Record]
) -> None:
    for record in records:
        schema.validate(json.loads(line(record)))


def is_read(run: Path, kind: str, content: bytes) -> bool:
    """Tell whether the reader takes a line for a record of this kind."""
    written(run, *([] if kind == "start" else [start()]), content)
    try:
        read_log(run)
    except RunLogError:
        return False
    return True


@pytest.mark.parametrize("kind", RECORDS)
def test_the_schema_refuses_what_the_reader_refuses(
    schema: "jsonschema.Draft202012Validator", tmp_path: Path, kind: str
) -> None:
    record = RECORDS[kind]
    fields = record.model_dump(mode="json")
    nested = {key: value for key, value in fields.items() if isinstance(value, dict)}
    nested.pop("class_accuracy", None)
    refused = [changed(record, extra=1), changed(record, event="epok"), b"[]\n", b"null\n"]
    refused += [changed(record, **{key: value | {"extra": 1}}) for key, value in nested.items()]
    refused += [changed(record, **{key: 1.5}) for key in fields if "accuracy" in key]
    for content in refused:
        assert not is_read(tmp_path, kind, content)
        assert not schema.is_valid(json.loads(content))


@pytest.mark.parametrize("kind", RECORDS)
def test_the_schema_and_the_reader_agree_on_which_fields_a_record_needs(
    schema: "jsonschema.Draft202012Validator", tmp_path: Path, kind: str
) -> None:
    needed_by_reader, needed_by_schema = set(), set()
    for field in type(RECORDS[kind]).model_fields:
        content = without(RECORDS[kind], field)
        if not is_read(tmp_path, kind, content):
            needed_by_reader.add(field)
        if not schema.is_valid(json.loads(content)):
            needed_by_schema.add(field)
    assert needed_by_schema == needed_by_reader


def test_a_file_is_written_with_the_folders_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "model.pt"
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert [*path.parent.iterdir()] == [path]


def test_readers_see_the_old_file_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    seen = []

    def write(file: BinaryIO) -> None:
        file.write(b"new, and longer")
        file.flush()
        seen.append(path.read_bytes())

    write_atomically(path, write)
    assert seen == [b"old"]
    assert path.read_bytes() == b"new, and longer"


def interrupted(file: BinaryIO) -> None:
    file.write(b"half")
    raise KeyboardInterrupt


def disk_full(file: BinaryIO) -> None:
    file.write(b"half")
    raise OSError("No space left on device")


@pytest.mark.parametrize("writer", [interrupted, disk_full])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, writer: Callable[[BinaryIO], None]
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    with pytest.raises((KeyboardInterrupt, OSError)):
        write_atomically(path, writer)
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]
