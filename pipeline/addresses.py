"""One address for one page: without tracking, AMP and mobile forms, or the aggregator that leads to it. Pure.

Opens no address: a redirect is seen only where the address itself shows its target. Never raises. Imported only where
bodies are read, as ural takes four megabytes in each process.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from ural import infer_redirection, normalize_url, split_suffix

_LONGEST = 8000  # characters; no server takes a longer one, and no step below is asked to
_MOST_HOPS = 4

# --- query: what ural does not know, and what it takes for tracking though it names pages

_VOLATILE = re.compile(  # tracking, and what names a visit rather than a page
    r"(gbraid|wbraid|gclsrc|gad_source|msclkid|yclid|ysclid|ttclid|igsh|li_fat_id|srsltid|_gl|vero_id|_hsenc|_hsmi|"
    r"cmp|cmpid|icid|ocid|smid|smtyp|spm|guce_referrer.*|ref_src|ref_url|wt[._]mc(_.*)?|xtor|ito|ns_.*|pk_.*|piwik_.*|"
    r"matomo_.*|soc_(src|trk)|sr_share|traffic_source|"
    r"(.*_)?token|phpsessid|jsessionid|session_?id|cfid|nonce|rnd|rand|cachebuster|_)\Z",
    re.IGNORECASE,
)
_FROM_A_FEED = re.compile(
    r"(?:ref|referrer|from|src|source|partner|emc|via|medium|campaign|feedtype|feedname|cid|rss|feed)="
    r"(?:(?:.*[^a-z])?rss(?:[^a-z].*)?|rssfeed|feed|atom)\Z|rss(?:=1)?\Z",
    re.IGNORECASE,
)
_IS_AMP = re.compile(
    r"(?:output|outputtype|mode|view|type|service|layout|format|page_?type|version)=amp\Z", re.IGNORECASE
)
#: Section, story or search in many newsrooms' addresses; to ural a session, Twitter's mark, a player's feature.
_NAMES_A_PAGE = re.compile(r"(?:sid=(?![0-9a-z]{24,}\Z)|s=|feature=|een=|seen=)", re.IGNORECASE)
_TWITTER = ("twitter.com", "x.com")

# --- host and path

_HOST = re.compile(r"[a-z0-9._:-]+")
_MOBILE = re.compile(r"(?:www\d?|m|mobile|amp)\Z")
_AMP_FIRST = re.compile(r"^((?:/[a-z]{2})?(?:/news)?)/amp(?=/[^/])")
_ABOUT_AMP = re.compile(r"/(?:tags?|topics?|keywords?|category|categories|wiki|search)/amp/?\Z", re.IGNORECASE)
_AMP_PAGES = (  # Korean newsrooms: the article's page has another name in its AMP form
    (re.compile(r"/articleviewamp\.html\Z", re.IGNORECASE), "/articleView.html"),
    (re.compile(r"^/amparticle/"), "/article/"),
)
_SESSION_PATH = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_NAVER = re.compile(r"(?:[mn]\.)?news\.naver\.com")
_NAVER_ARTICLE = re.compile(r"(?:/mnews|/main)?(?:/ranking|/hotissue)?/article/(\d{3})/(\d{10})\Z")
_NAVER_READ = re.compile(r"/(?:main/)?(?:ranking/|hotissue/)?read\.(?:naver|nhn)\Z")
_DAUM = re.compile(r"(?:news\.v|v\.media|v|media|m\.media|news)\.daum\.net")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!*'(),;:@$")

# --- redirects that ural does not know

_SHOWS_TARGET = (
    re.compile(
        r"^https?://(?:[\w-]+\.)*(?:google\.[a-z.]{2,6}|bing\.com)/amp/(?P<safe>s/)?(?P<page>[^/?#]+\.[^/?#]+/.+)"
    ),
    re.compile(r"^https?://[\w-]+\.bing-amp\.com/[cv]/(?P<safe>s/)?(?P<page>[^/?#]+\.[^/?#]+/.+)"),
    re.compile(r"^https?://(?:[\w-]+\.)*search\.yahoo\.[a-z.]{2,6}/.*/RU=(?P<page>[^/&]+)"),
    re.compile(
        r"^https?://(?:[\w-]+\.)*rd\.yahoo\.[a-z.]{2,6}/.*?\*(?P<page>https?(?::|%3A)(?://|%2F%2F).+)", re.IGNORECASE
    ),
)
_GOOGLE_NEWS = re.compile(r"^https?://news\.google\.com/(?:\w+/)*articles/(CBMi[\w-]+)")
_IN_GOOGLE_NEWS = re.compile(rb"^\x08\x13\x22(?:[\x00-\x7f]|[\x80-\xff][\x00-\x7f])(https?://[\x21-\x7e]+)")
_REDIRECTS = re.compile(
    r"/(?:redirect|redir|rd|out|outbound|go|goto|link|url|click|clk|away|exit|l|r|jump|track)(?:\.\w+)?/?\Z"
)
_ABOUT_A_PAGE = re.compile(r"(?:^|\.)(?:translate\.google\.[a-z.]+|archive\.(?:org|today|ph|is)|validator\.w3\.org)\Z")


def canonical_address(address: str | None) -> str | None:
    """``address`` as it is for every way to the same page; one that cannot be read, or is too long, stays as it is.

    What goes: tracking and session parameters, the fragment unless it is a route, user names, the mobile and AMP forms
    of host and path, the order of parameters, a slash at the end, and a redirect whose address shows its target.
    Without a port of its own it begins with https. What stays: languages, parameters that name a page, routes
    (``#!/x``).

    Source: RFC 3986 section 6.2 for the syntax-based part; https://github.com/medialab/ural for most parameters.
    """
    if address is None or len(address) > _LONGEST:
        return address
    try:
        return _normal(urlsplit(_target(address)))
    except ValueError:
        return address


def _target(address: str) -> str:
    """Where ``address`` leads, as far as it says so itself."""
    for _ in range(_MOST_HOPS):
        shown = _shown(address)
        if shown is None:
            break
        address = shown
    return address


def _shown(address: str) -> str | None:
    for pattern in _SHOWS_TARGET:
        if found := pattern.match(address):
            page = unquote(found["page"])
            if page.startswith(("http://", "https://")):
                return page
            return ("https://" if found["safe"] else "http://") + page
    if found := _GOOGLE_NEWS.match(address):
        inside = _IN_GOOGLE_NEWS.match(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
        return inside[1].decode() if inside else None
    target = infer_redirection(address, recursive=False)
    if target == address or not target.startswith(("http://", "https://")):
        return None
    way, end = urlsplit(address), urlsplit(target)
    is_page = end.hostname and (end.path.strip("/") or end.query)
    if not is_page or not way.hostname or _ABOUT_A_PAGE.search(way.hostname):
        return None
    # Within one site it may be the way back to a list, that many articles share
    leads_on = _site(way.hostname) != _site(end.hostname or "") or _REDIRECTS.search(way.path)
    return target if leads_on else None


def _normal(parts: SplitResult) -> str:
    scheme, host, port = parts.scheme.lower(), _site(parts.hostname or ""), parts.port
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        raise ValueError("no web address")
    path = _AMP_FIRST.sub(r"\1", _SESSION_PATH.sub("", _unescaped(parts.path)))
    for pattern, name in _AMP_PAGES:
        path = pattern.sub(name, path)
    given = [pair for pair in _unescaped(parts.query.replace("+", "%20")).replace("&amp;", "&").split("&") if pair]
    given = [pair for pair in given if not _is_dropped(pair)]
    kept = [pair for pair in given if _NAMES_A_PAGE.match(pair) and host not in _TWITTER]
    is_amp = not (parts.hostname or "").startswith("amp-") and not _ABOUT_AMP.search(path)
    fragment = parts.fragment if parts.fragment.startswith(("!", "/")) else ""
    query = "&".join(pair for pair in given if pair not in kept)
    result = normalize_url(
        urlunsplit(("https", f"[{host}]" if ":" in host else host, path, query, _unescaped(fragment))),
        strip_protocol=False,
        strip_index=False,
        strip_irrelevant_subdomains=False,
        infer_redirection=False,
        normalize_amp=is_amp,
        quoted=True,
        unsplit=False,
    )
    pairs = [*filter(None, result.query.split("&")), *(quote(pair, safe="%/=") for pair in kept)]
    netloc, path, query = _home(host, _unescaped(result.path), sorted(map(_unescaped, pairs)))
    if port and port not in (80, 443):
        netloc = f"{netloc}:{port}"
    else:
        scheme = "https"
    return urlunsplit((scheme, netloc, path or "/", query, _unescaped(result.fragment)))


def _is_dropped(pair: str) -> bool:
    name = pair.partition("=")[0]
    return bool(_VOLATILE.match(name) or _FROM_A_FEED.match(pair) or _IS_AMP.match(pair))


def _site(host: str) -> str:
    """``host`` in ASCII, without its labels for mobile and AMP forms; what a registry sells stays whole."""
    host = host.rstrip(".").lower()
    if ":" in host:
        return host
    if not host.isascii():
        host = host.encode("idna").decode()
    labels = host.split(".")
    for number in (1, 0, 0, 0):  # en.m.wikipedia.org, www.m.news.test
        rest = ".".join(labels[number + 1 :])
        if "." not in rest or number >= len(labels) or (split_suffix(rest) or ("?",))[0] == "":
            continue
        label = labels[number]
        is_phone = (label == "sp" and rest.endswith(".jp")) or (label == "n" and rest.startswith("news."))
        if _MOBILE.match(label) or is_phone:
            del labels[number]
    if len(labels) > 2 and re.fullmatch("m-[a-z]{2}", labels[0]):  # m-en.yna.co.kr
        labels[0] = labels[0][2:]
    return ".".join(labels)


def _home(host: str, path: str, pairs: list[str]) -> tuple[str, str, str]:
    """Host, path and query; of the two Korean portals that show an article at many addresses, always the same one."""
    if _NAVER.fullmatch(host):
        named = dict(pair.partition("=")[::2] for pair in pairs)
        article = _NAVER_ARTICLE.match(path)
        if article or (_NAVER_READ.match(path) and named.get("oid") and named.get("aid")):
            outlet, number = article.groups() if article else (named["oid"], named["aid"])
            return "n.news.naver.com", f"/article/{outlet}/{number}", ""
    if _DAUM.fullmatch(host) and path.startswith("/v/"):
        return "v.daum.net", path, ""
    return (f"[{host}]" if ":" in host else host), path, "&".join(pairs)


def _unescaped(text: str) -> str:
    """``text`` without the escapes that mean the same as their character, the others in capitals."""

    def kept(escape: re.Match[str]) -> str:
        char = chr(int(escape[1], 16))
        return char if char in _PLAIN else escape[0].upper()

    return _ESCAPED.sub(kept, text)
