"""The page of an assignment as a SCORM 1.2 package, which Moodle and others open as an activity with a score."""

from xml.sax.saxutils import escape, quoteattr

from headlab.notation.visible import escape_unseen
from headlab.report.handout.archive import zipped

PAGE = "index.html"
MOST_LETTERS = 200  # of a title, by the schema of content packages
MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier={name} version="1.0"
  xmlns="http://www.imsproject.org/xsd/imscp_rootv1p1p2"
  xmlns:adlcp="http://www.adlnet.org/xsd/adlcp_rootv1p2"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.imsproject.org/xsd/imscp_rootv1p1p2 imscp_rootv1p1p2.xsd
    http://www.adlnet.org/xsd/adlcp_rootv1p2 adlcp_rootv1p2.xsd">
  <metadata>
    <schema>ADL SCORM</schema>
    <schemaversion>1.2</schemaversion>
  </metadata>
  <organizations default="headlab">
    <organization identifier="headlab">
      <title>{title}</title>
      <item identifier="assignment" identifierref="page" isvisible="true">
        <title>{title}</title>
      </item>
    </organization>
  </organizations>
  <resources>
    <resource identifier="page" type="webcontent" adlcp:scormtype="sco" href="{page}">
      <file href="{page}"/>
    </resource>
  </resources>
</manifest>
"""


def scorm_zip(name: str, title: str, page: str) -> bytes:
    """Return the package; page: the HTML of the assignment, the same that is handed out as a file."""
    return zipped({"imsmanifest.xml": manifest(name, title).encode(), PAGE: page.encode()})


def manifest(name: str, title: str) -> str:
    """Return what a learning management system reads of the package.

    >>> "<title>Where &amp; why</title>" in manifest("hw1", "Where & why")
    True
    """
    shown = escape_unseen(title).replace("\n", " ")[:MOST_LETTERS] or name
    return MANIFEST.format(name=quoteattr(f"headlab-{name}"), title=escape(shown), page=PAGE)
