"""Names of folders for students, whose ids may be anything."""

import hashlib
import re

from autograder.submissions.lms.handed_in import LMS

PREFIXED = re.compile(rf"({'|'.join(LMS)})[:-](.*)", re.DOTALL)
PLAIN = re.compile(r"[a-z0-9]([a-z0-9._-]{0,58}[a-z0-9_])?")
ENDS_LIKE_ODD = re.compile(r"-[0-9a-f]{12}$")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # by Windows


def folder_name(student_id: str) -> str:
    """Return the folder of a student's grade.

    It depends on the id alone. Two ids never share a folder, also where a file system takes capital
    letters for small ones or accents apart: an id that is not plain, in ASCII and small letters, is
    made plain and ends in a hash of the original.
    """
    prefixed = PREFIXED.fullmatch(student_id)
    shown = f"{prefixed[1]}-{prefixed[2]}" if prefixed else student_id
    is_taken = shown == student_id and prefixed is not None  # by the id with a colon
    is_odd = ENDS_LIKE_ODD.search(shown) or RESERVED.fullmatch(shown)
    if PLAIN.fullmatch(shown) and not is_taken and not is_odd:
        return shown
    plain = re.sub(r"[^A-Za-z0-9]+", "-", shown)[:40].strip("-") or "student"
    digest = hashlib.sha256(student_id.encode(errors="surrogatepass")).hexdigest()
    return f"{plain}-{digest[:12]}"
