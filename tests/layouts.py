"""The smallest data set of each layout."""

# Paths that only one layout has, and the metadata file that it needs.
TREES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "csv": (("a.mp4",), {"labels.csv": "path,label\na.mp4,0\n"}),
    "faceforensics": (("original_sequences/youtube/c23/videos/000.mp4",), {}),
    "dfdc": (("part_0/a.mp4",), {"part_0/metadata.json": '{"a.mp4": {"label": "REAL"}}'}),
    "dfdc_preview": (
        ("original_videos/1/1_A_001.mp4",),
        {"dataset.json": '{"original_videos/1/1_A_001.mp4": {"label": "real"}}'},
    ),
    "celebdf": (("Celeb-real/id0_0000.mp4",), {}),
    "deeperforensics": (("manipulated_videos/end_to_end/000_M101.mp4",), {}),
    "uadfv": (("real/0000.mp4", "fake/0000_fake.mp4"), {}),
    "wilddeepfake": (("real_train/1/0.png",), {}),
    "fakeavceleb": (("RealVideo-RealAudio/African/men/id00076/00109.mp4",), {}),
    "df40": (("simswap/ff/frames/000_003/000.png",), {}),
    "deepfake_eval_2024": (
        ("video-data/a.mp4",),
        {"video.csv": "Filename,Video Ground Truth\na.mp4,Real\n"},
    ),
    "deepfakebench": (
        ("rgb/UADFV/real/frames/0000/000.png",),
        {
            "UADFV.json": '{"UADFV": {"UADFV_Real": {"train": {"0000": {"label": "UADFV_Real",'
            ' "frames": ["C:\\\\x\\\\rgb\\\\UADFV\\\\real\\\\frames\\\\0000\\\\000.png"]}}}}}'
        },
    ),
    "folders": (("real/a.mp4", "fake/b.mp4"), {}),
}
