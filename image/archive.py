#!/usr/bin/env python3
"""Writes a container image as an archive, from files, with no daemon and no registry.

  archive.py [options] --name NAME OUT.tar ITEM... [--layer ITEM...]...

ITEM is SRC=DST[:MODE] (a file, or a folder with all that is in it) or DST[:MODE] (an empty
folder). Each --layer begins a new layer: put what changes last. Give names with their registry
(docker.io/library/app:1, not app:1).

The archive is an OCI image layout which is also what `docker load` reads. The same files give
the same bytes: no times, owners or orders of this machine get in.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What no program reads from an image.
SKIPPED_FOLDERS = {"__pycache__"}


def main():
    args, layers = arguments()
    blobs = Blobs()
    made = {""}
    written = [layer_bytes(items, args.libraries, made) for items in layers]
    descriptors = [blobs.add_layer(layer, args.gzip) for layer in written]
    config = blobs.add_json("application/vnd.oci.image.config.v1+json", image_config(args, written))
    manifest = blobs.add_json(
        "application/vnd.oci.image.manifest.v1+json",
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": descriptors,
        },
    )
    write_archive(args.out, blobs, manifest, config, descriptors, args.name)
    print(f"{args.out}: {', '.join(args.name)}, manifest {manifest['digest']}, "
          f"{os.path.getsize(args.out) >> 20} MiB")


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--name", action="append", required=True)
    parser.add_argument("--entrypoint", default="", help="split at blanks")
    parser.add_argument("--user", default="0:0", help="uid:gid")
    parser.add_argument("--env", action="append", default=[PATH])
    parser.add_argument("--label", action="append", default=[], help="NAME=VALUE")
    parser.add_argument("--libraries", action="store_true",
                        help="with the shared libraries and the loader of the given programs")
    parser.add_argument("--gzip", action="store_true", help="compress layers")
    # Items are positional in each part, hence the split before argparse sees them.
    parts = [[]]
    for word in sys.argv[1:]:
        parts.append([]) if word == "--layer" else parts[-1].append(word)
    parser.add_argument("out")
    parser.add_argument("items", nargs="+")
    args = parser.parse_args(parts[0])
    return args, [args.items] + parts[1:]


class Blobs:
    """Contents by digest."""

    def __init__(self):
        self.by_digest = {}

    def add(self, media_type, content):
        digest = hashlib.sha256(content).hexdigest()
        self.by_digest[digest] = content
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}

    def add_json(self, media_type, value):
        return self.add(media_type, json.dumps(value, sort_keys=True).encode())

    def add_layer(self, layer, compressed):
        if compressed:
            # Level 6: 9 takes three times as long for 1 % less.
            packed = gzip.compress(layer, compresslevel=6, mtime=0)
            return self.add("application/vnd.oci.image.layer.v1.tar+gzip", packed)
        return self.add("application/vnd.oci.image.layer.v1.tar", layer)


def layer_bytes(items, with_libraries, made):
    """One layer; `made` are the folders that lower layers have."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        needed = set()
        for item in items:
            source, is_copy, target = item.rpartition("=")
            target, _, mode = target.partition(":")
            mode = int(mode, 8) if mode else None
            if not is_copy:
                add_folder(tar, made, target, mode or 0o755)
                continue
            copied = copy(tar, made, source, target, mode)
            if with_libraries:
                needed |= {library for path in copied for library in libraries(path)}
        for library in sorted(needed):
            if library not in made:
                made.add(library)
                copy(tar, made, library, library, None)
    return buffer.getvalue()


def add_folder(tar, made, path, mode=0o755):
    path = path.strip("/")
    if path in made:
        return
    add_folder(tar, made, os.path.dirname(path))
    made.add(path)
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def copy(tar, made, source, target, mode):
    """Adds a file or a folder; returns the files that were added."""
    add_folder(tar, made, os.path.dirname(target.strip("/")))
    if os.path.isdir(source):
        add_folder(tar, made, target)
        copied = []
        for name in sorted(os.listdir(source)):
            if name not in SKIPPED_FOLDERS:
                copied += copy(tar, made, f"{source}/{name}", f"{target}/{name}", mode)
        return copied
    with open(os.path.realpath(source), "rb") as file:
        entry = tarfile.TarInfo(target.strip("/"))
        status = os.fstat(file.fileno())
        entry.size = status.st_size
        entry.mode = mode if mode is not None else (0o755 if status.st_mode & 0o100 else 0o644)
        tar.addfile(entry, file)
    return [source]


def libraries(path):
    """Shared libraries and the loader of a program or library; none of what is not ELF."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return set()
    lines = subprocess.run(["ldd", path], capture_output=True, text=True).stdout.splitlines()
    lacking = [line.strip() for line in lines if "not found" in line]
    if lacking:
        sys.exit(f"{path}: {lacking[0]}")
    words = (word for line in lines for word in line.split())
    return {word for word in words if word.startswith("/") and os.path.isfile(word)}


def image_config(args, layers):
    config = {"User": args.user, "Env": args.env, "WorkingDir": "/"}
    if args.entrypoint:
        config["Entrypoint"] = args.entrypoint.split()
    if args.label:
        config["Labels"] = dict(label.split("=", 1) for label in args.label)
    return {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers],
        },
    }


def write_archive(out, blobs, manifest, config, layers, names):
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {**manifest, "annotations": {
                # containerd reads the first, other tools the second.
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": name,
            }}
            for name in names
        ],
    }

    def blob(descriptor):
        return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")

    docker = [{"Config": blob(config), "RepoTags": names, "Layers": [blob(d) for d in layers]}]
    files = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps(index, sort_keys=True).encode(),
        "manifest.json": json.dumps(docker, sort_keys=True).encode(),
    }
    files |= {"blobs/sha256/" + digest: content for digest, content in blobs.by_digest.items()}
    part = out + ".part"
    with tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    os.replace(part, out)


main()
