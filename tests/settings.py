"""The product's settings, on a data folder of this test run; the Redis server behind it is started by conftest.py."""

import atexit
import os
import shutil
import tempfile

from tests.postgres import make_folder, url

FOLDER = tempfile.mkdtemp(prefix="ucam-tests-")
OWNER = os.getpid()
os.mkdir(f"{FOLDER}/static")
os.environ.update(UCAM_DATA=FOLDER, UCAM_BIND="127.0.0.1:8000", EMAIL_URL="memorymail://")
for name in ("UCAM_URL", "UCAM_ACCEL", "UCAM_DEBUG", "UCAM_HOSTS", "UCAM_RUN", "UCAM_SECRET_KEY"):
    os.environ.pop(name, None)
POSTGRES = make_folder() if os.environ.get("UCAM_TEST_POSTGRES") else None  # the server itself: conftest.py
if POSTGRES is not None:
    os.environ["DATABASE_URL"] = url(POSTGRES)
# Each worker of a parallel run has a Redis of its own; what a worker starts has the worker's.
RUNNER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
if "REDIS_URL" not in os.environ or os.environ.get("UCAM_TEST_REDIS_OF", RUNNER) != RUNNER:
    os.environ.update(REDIS_URL=f"unix://{FOLDER}/redis.sock?db=0", UCAM_TEST_REDIS_OF=RUNNER)


@atexit.register
def _remove() -> None:
    if os.getpid() == OWNER:
        for folder in (FOLDER, POSTGRES):  # the second has gone with its server, where there was one
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


from ucam.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["*"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file and not memory: threads and processes of one test share it, as in production.
    DATABASES["default"]["TEST"] = {"NAME": f"{FOLDER}/test.sqlite3"}  # noqa: F405
REST_FRAMEWORK["TEST_REQUEST_DEFAULT_FORMAT"] = "json"  # noqa: F405
