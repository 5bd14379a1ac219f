"""Detection of forgeries, measured on synthetic documents: data sets from seeds, shortcuts, scores.

    python -m benchmarks.detection.build --size small --out runs/detection      the data set
    python -m benchmarks.detection.shortcuts --data runs/detection              what must not tell forged from genuine

Every figure is a figure on synthetic documents. None of them says anything about errors in the field.
"""
