"""Takes requests, a line of JSON each, and does them with hdfs-native."""

import json
import os
import shutil
import sys

from hdfs_native import Client

PIECE = 256 * 1024


def entry(status):
    return {
        "name": os.path.basename(status.path),
        "dir": status.isdir,
        "length": status.length,
        "mode": status.permission,
        "owner": status.owner,
        "group": status.group,
    }


def copy(source, target):
    """Copies all bytes: a writer of hdfs-native says how many it took."""
    while piece := source.read(PIECE):
        while piece:
            piece = piece[target.write(piece):]


def do(client, op, path, to="", local=""):
    if op == "put":
        with open(local, "rb") as source, client.create(path) as target:
            copy(source, target)
    elif op == "append":
        with open(local, "rb") as source, client.append(path) as target:
            copy(source, target)
    elif op == "get":
        with client.read(path) as source, open(local, "wb") as target:
            shutil.copyfileobj(source, target, PIECE)
    elif op == "list":
        return {"files": [entry(s) for s in client.list_status(path)]}
    elif op == "stat":
        return {"files": [entry(client.get_file_info(path))]}
    elif op == "mkdir":
        client.mkdirs(path, create_parent=True)
    elif op == "rename":
        client.rename(path, to)
    elif op == "delete":
        if not client.delete(path, recursive=False):
            raise FileNotFoundError(path)
    elif op == "remove tree":
        if not client.delete(path, recursive=True):
            raise FileNotFoundError(path)
    elif op == "summary":
        s = client.get_content_summary(path)
        return {"summary": {"length": s.length, "files": s.file_count, "dirs": s.directory_count, "space": s.space_consumed}}
    else:
        raise ValueError(op)
    return {}


def answer(client, line):
    try:
        return do(client, **json.loads(line))
    except FileNotFoundError:
        return {"error": "missing"}
    except FileExistsError:
        return {"error": "exists"}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"}


def main():
    client = Client()  # of HADOOP_CONF_DIR
    for line in sys.stdin:
        print(json.dumps(answer(client, line)), flush=True)


main()
