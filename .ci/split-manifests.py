"""Writes each object of a rendered chart to a file of its own: Kubernetes' own kinds apart from custom resources."""

import pathlib
import sys

import yaml

source, target = sys.argv[1:]
for document in yaml.safe_load_all(pathlib.Path(source).read_text()):
    if document is None:
        continue
    group = document["apiVersion"].rpartition("/")[0]
    is_own = "." not in group or group.endswith(".k8s.io")
    folder = pathlib.Path(target, "kubernetes" if is_own else "others")
    folder.mkdir(parents=True, exist_ok=True)
    pathlib.Path(target, "others").mkdir(exist_ok=True)
    name = f"{document['kind']}-{document['metadata']['name']}.yaml"
    (folder / name).write_text(yaml.safe_dump(document))
