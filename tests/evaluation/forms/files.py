"""One small made-up file of every form, and what it says: the tests of forms read nothing else."""

import json
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A file's name and text, the rows that it becomes, and the problems by (line, what, left out)."""

    name: str
    text: str
    rows: list[Row]
    problems: list[tuple[int, str, bool]]


def lines(*rows: Row | str) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


HOW2 = "-bcDEF_hijk_60_120"
DOOR, SALT = "He opens the blue door.", "She asks for the salt."
CUP = {"a0": "a cup", "a1": "a pan", "a2": "a hat", "a3": "a key", "a4": "a dog"}

EXAMPLES = {
    "tvr": Example(
        "tvr.jsonl",
        lines(
            {"vid_name": "v", "duration": 20.0, "ts": [2, 6.5], "desc": DOOR, "type": "v", "desc_id": 1},
            {"vid_name": "v", "duration": 20.0, "ts": [6, 6], "desc": DOOR, "type": "v", "desc_id": 2},
            {"vid_name": "v", "duration": 20.0, "ts": [15, 21], "desc": SALT, "type": "t", "desc_id": 3},
            "{not json",
            {"vid_name": "v", "duration": 20.0, "ts": [1, 2], "desc": SALT, "type": "x", "desc_id": 4},
            {"vid_name": "v", "duration": 20.0, "ts": [1, 2], "desc": SALT, "type": "t", "desc_id": 1},
            {"vid_name": "v", "duration": 20.0, "ts": [20, 22], "desc": SALT, "type": "t", "desc_id": 5},
            {"vid_name": "v", "ts": [1, 2], "desc_id": 6},
        ),
        [
            {"vid_name": "v", "duration": 20.0, "ts": [2.0, 6.5], "desc": DOOR, "type": "v", "desc_id": 1},
            {"vid_name": "v", "duration": 20.0, "ts": [15.0, 20.0], "desc": SALT, "type": "t", "desc_id": 3},
        ],
        [
            (2, "ts", True),
            (3, "ts", False),
            (4, "line", True),
            (5, "type", True),
            (6, "id", True),
            (7, "ts", True),
            (8, "desc", True),
        ],
    ),
    "qvhighlights": Example(
        "qvh.jsonl",
        lines(
            {
                "qid": "rq_1",
                "query": DOOR,
                "duration": 150,
                "vid": "a_0.0_150.0",
                "relevant_clip_ids": [1],
                "relevant_windows": [[2, 6], [10, 20]],
                "saliency_scores": [[1, 2, 3]],
            },
            {"qid": 7, "query": SALT, "duration": 150, "vid": "a_0.0_150.0", "relevant_windows": [[140, 152]]},
            {"qid": 8, "query": SALT, "duration": 150, "vid": "a_0.0_150.0", "relevant_windows": "all"},
        ),
        [
            {
                "vid_name": "a_0.0_150.0",
                "duration": 150.0,
                "ts": [2.0, 6.0],
                "windows": [[2.0, 6.0], [10.0, 20.0]],
                "desc": DOOR,
                "desc_id": "rq_1",
            },
            {"vid_name": "a_0.0_150.0", "duration": 150.0, "ts": [140.0, 150.0], "desc": SALT, "desc_id": 7},
        ],
        [(2, "ts", False), (3, "relevant_windows", True)],
    ),
    "charades-sta": Example(
        "sta.txt",
        lines("AO8RW 0.0 6.9##a person sits ## down.", "3MSZA 24.3 x##no", "broken", "3MSZA 30 24##back"),
        [{"vid_name": "AO8RW", "ts": [0.0, 6.9], "desc": "a person sits ## down.", "desc_id": 1}],
        [(2, "end", True), (3, "line", True), (4, "times", True)],
    ),
    "activitynet": Example(
        "val_1.json",
        json.dumps(
            {
                "v_a": {
                    "duration": 80.0,
                    "timestamps": [[0, 10.5], [70, 81.5], [5, 4]],
                    "sentences": [DOOR, SALT, "-"],
                },
                "v_b": {"duration": 80.0, "timestamps": [[0, 10.5]], "sentences": []},
            }
        ),
        [
            {"vid_name": "v_a", "duration": 80.0, "ts": [0.0, 10.5], "desc": DOOR, "desc_id": 1},
            {"vid_name": "v_a", "duration": 80.0, "ts": [70.0, 80.0], "desc": SALT, "desc_id": 2},
        ],
        [(1, "ts", False), (1, "timestamps of v_a", True), (2, "v_b", True)],
    ),
    "tacos": Example(
        "tacos.json",
        json.dumps(
            {
                "s1.avi": {"timestamps": [[50, 100]], "sentences": [DOOR], "num_frames": 500, "fps": 25.0},
                "s2.avi": {"timestamps": [[50, 100]], "sentences": [DOOR], "num_frames": 500, "fps": 0},
            }
        ),
        [{"vid_name": "s1.avi", "duration": 20.0, "ts": [2.0, 4.0], "desc": DOOR, "desc_id": 1}],
        [(2, "fps", True)],
    ),
    "youcook2": Example(
        "yc2.json",
        json.dumps(
            {
                "database": {
                    "x": {
                        "duration": 100.5,
                        "subset": "validation",
                        "annotations": [
                            {"segment": [10, 20], "id": 0, "sentence": DOOR},
                            {"segment": [10], "id": 1, "sentence": SALT},
                        ],
                    },
                    "y": {"duration": 9.0},
                }
            }
        ),
        [{"vid_name": "x", "duration": 100.5, "ts": [10.0, 20.0], "desc": DOOR, "desc_id": 1}],
        [(1, "segment of x", True), (2, "annotations", True)],
    ),
    "msrvtt": Example(
        "train_val_videodatainfo.json",
        json.dumps(
            {
                "info": {"contributor": "-"},
                "videos": [
                    {"category": 9, "video_id": "video0", "start time": 137.72, "end time": 149.44, "split": "train"},
                ],
                "sentences": [
                    {"caption": DOOR, "video_id": "video0", "sen_id": 7},
                    {"caption": SALT, "video_id": "video1", "sen_id": 8},
                    {"caption": SALT, "video_id": "video0"},
                ],
            }
        ),
        [
            {"vid_name": "video0", "duration": 11.72, "desc": DOOR, "desc_id": 7},
            {"vid_name": "video1", "desc": SALT, "desc_id": 8},
        ],
        [(3, "sen_id", True)],
    ),
    "vatex": Example(
        "vatex_training_v1.0.json",
        json.dumps(
            [
                {"videoID": "Ptf_2VRj-V0_000122_000132", "enCap": [DOOR, SALT], "chCap": ["-"]},
                {"videoID": "no window", "enCap": [DOOR]},
                {"videoID": "Ptf_2VRj-V0_000122_000132"},
            ]
        ),
        [
            {
                "vid_name": "Ptf_2VRj-V0_000122_000132",
                "duration": 10.0,
                "desc": text,
                "desc_id": f"Ptf_2VRj-V0_000122_000132_{n}",
            }
            for n, text in ((1, DOOR), (2, SALT))
        ]
        + [{"vid_name": "no window", "desc": DOOR, "desc_id": "no window_1"}],
        [(3, "enCap", True)],
    ),
    "value-clips": Example(
        "yc2c_train_release.jsonl",
        lines(
            {"vid_name": "xHr8X2Wpmno_3", "duration": 19.0, "desc": DOOR, "desc_id": 1},
            {"vid_name": "xHr8X2Wpmno_4", "duration": 9.0, "descs": [{"desc": SALT}], "clip_id": "4"},
            {"vid_name": "xHr8X2Wpmno_5", "duration": 9.0},
        ),
        [
            {"vid_name": "xHr8X2Wpmno_3", "duration": 19.0, "desc": DOOR, "desc_id": 1},
            {"vid_name": "xHr8X2Wpmno_4", "duration": 9.0, "desc": SALT, "desc_id": "4_1"},
        ],
        [(3, "row", True)],
    ),
    "didemo": Example(
        "didemo.json",
        json.dumps(
            [
                {"annotation_id": 5, "description": DOOR, "video": "z.mp4", "times": [[1, 1], [0, 2], [0, 2], [5, 5]]},
                {"annotation_id": 6, "description": DOOR, "video": "z.mp4", "times": [[1, 6]]},
            ]
        ),
        [{"vid_name": "z.mp4", "duration": 30.0, "ts": [0.0, 15.0], "desc": DOOR, "desc_id": 5}],
        [(2, "times", True)],
    ),
    "how2r": Example(
        "how2r.csv",
        lines(
            '-bcDEF_hijk,[60:120],[62.72:69.37],"In the garage, he ""works""."',
            "-bcDEF_hijk,[60:120],[110.0:121.5],None, ",
            "-bcDEF_hijk,[60:120],[55.0:70.0],starts early",
            "-bcDEF_hijk,[60:120],[10.0:20.0],elsewhere",
            "-bcDEF_hijk,[60:120],62-70,no span",
            "-bcDEF_hijk,[60:120],[62:70]",
        ),
        [
            {
                "vid_name": HOW2,
                "duration": 60.0,
                "ts": [2.72, 9.37],
                "desc": 'In the garage, he "works".',
            }
            | {"desc_id": 1},
            {"vid_name": HOW2, "duration": 60.0, "ts": [50.0, 60.0], "desc": "None", "desc_id": 2},
            {
                "vid_name": HOW2,
                "duration": 60.0,
                "ts": [0.0, 10.0],
                "desc": "starts early",
                "desc_id": 3,
            },
        ],
        [(2, "ts", False), (3, "ts", False), (4, "ts", True), (5, "segment", True), (6, "line", True)],
    ),
    "how2qa": Example(
        "how2qa.csv",
        lines(
            "NOuQuofjk44,[67.2:78.0],10,12,16,how many?,None",
            "NOuQuofjk44,[50.0:68.0],10,12,16,how many?,1",
            "NOuQuofjk44,[7.2:18.0],10, 1 ,16,how many?,1",
            "NOuQuofjk44,[7.2:18.0],10,,16,how many?,1",
            "NOuQuofjk44,[7.2:18.0],10,16,how many?,1",
        ),
        [
            {"qid": 1, "vid_name": "NOuQuofjk44_60_120", "q": "how many?", "right": "None", "ts": "7.2-18"},
            {"qid": 2, "vid_name": "NOuQuofjk44_0_60", "q": "how many?", "right": "1", "ts": "50-60"},
        ],
        [(2, "ts", False), (3, "options", True), (4, "options", True), (5, "line", True)],
    ),
    "tvqa": Example(
        "tvqa.jsonl",
        lines(
            {"qid": 1, "vid_name": "v", "q": "what?", **CUP, "answer_idx": 4, "ts": "1.5-2", "show_name": "House"},
            {"qid": 2, "vid_name": "v", "q": "what?", **CUP, "answer_idx": 5, "ts": "1.5-2"},
            {"qid": 3, "vid_name": "v", "q": "what?", **CUP, "answer_idx": 0, "ts": "nan-nan"},
            {"qid": 4, "vid_name": "v", "q": "what?", "a0": "one", "answer_idx": 0},
        ),
        [
            {"qid": 1, "vid_name": "v", "q": "what?", **CUP, "ts": "1.5-2", "answer_idx": 4},
            {"qid": 3, "vid_name": "v", "q": "what?", **CUP, "answer_idx": 0},
        ],
        [(2, "answer", True), (3, "ts", False), (4, "options", True)],
    ),
    "tvqa+": Example(
        "tvqa_plus.json",
        json.dumps(
            [
                {"qid": 1, "vid_name": "v", "q": "what?", **CUP, "answer_idx": "4", "ts": [1.5, 2.25], "bbox": {}},
                {"qid": 2, "vid_name": "v", "q": "what?", **CUP, "answer_idx": "four", "ts": [1.5, 2.25]},
                "row",
            ]
        ),
        [{"qid": 1, "vid_name": "v", "q": "what?", **CUP, "ts": "1.5-2.25", "answer_idx": 4}],
        [(2, "answer_idx", True), (3, "row", True)],
    ),
    "msrvtt-qa": Example(
        "val_qa.json",
        json.dumps(
            [
                {"answer": "guitar", "category_id": 1, "id": 9, "question": "what does he play?", "video_id": 6513},
                {"answer": "guitar", "question": "what does he play?", "video_id": 6513},
            ]
        ),
        [{"qid": 9, "vid_name": "video6513", "q": "what does he play?", "a0": "guitar", "answer_idx": 0}],
        [(2, "id", True)],
    ),
    "violin": Example(
        "violin.json",
        json.dumps(
            {"clip": {"span": [0, 9], "statement": [["They talk.", "They sing."]]}, "other": {"statement": [["x"]]}}
        ),
        [
            {"qid": 1, "vid_name": "clip", "q": "They talk.", "a0": "false", "a1": "true", "answer_idx": 1},
            {"qid": 2, "vid_name": "clip", "q": "They sing.", "a0": "false", "a1": "true", "answer_idx": 0},
        ],
        [(2, "statement", True)],
    ),
    "value": Example(
        "violin_test_release.jsonl",
        lines(
            {"paired_id": "c-0", "vid_name": "c", "statement": "They sing.", "example_id": 8, "answer": 0},
            {"example_id": 9, "vid_name": "c", "ts": [1.0, 2.5], "events": ["He eats.", "He goes."], "answer": 1},
            {"qid": 10, "vid_name": "c", "q": "what?", **CUP, "answer_idx": 1},
            {"vid_name": "c", "example_id": 11},
        ),
        [
            {"qid": 8, "vid_name": "c", "q": "They sing.", "a0": "false", "a1": "true", "answer_idx": 0},
            {"qid": 9, "vid_name": "c", "q": "What happens next?", "a0": "He eats.", "a1": "He goes.", "ts": "1-2.5"}
            | {"answer_idx": 1},
            {"qid": 10, "vid_name": "c", "q": "what?", **CUP, "answer_idx": 1},
        ],
        [(4, "row", True)],
    ),
}
