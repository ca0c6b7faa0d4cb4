"""What a line says besides counts and clocks: how often it was read, how long ago it was posted. Pure; nothing raises.

A counter is dropped only where it stands alone: a stretch between full stops, bars or brackets that says nothing but
``1,234 views``, ``조회 1,234`` or ``コメント 12件``. ``The regulator received 1,200 comments`` is news and stays. A
time that is told from now (``3 hours ago``, ``3시간 전``) and a stamp of the last update (``updated 3 May, 10:15``)
count for nothing wherever they stand, as they change while nothing happens.
"""

from __future__ import annotations

import html
import re
import unicodedata

_LIKE = str.maketrans("‘’‛ʼ`´“”„‟‐‑‒–—―−", "'" * 6 + '"' * 4 + "-" * 7, "\u00ad\u200b\u200c\u200d\u2060\ufeff")
_FEW = r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|few)"
_AGO = re.compile(
    rf"\b(?:(?:about|over|almost|nearly) )?{_FEW} ?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w"
    rf"|weeks?)(?:,? (?:and )?{_FEW} ?(?:mins?|minutes?|hours?))? ago\b|\bjust now\b|\bmoments ago\b"
    r"|\bhace (?<!\d)\d{1,4}+ (?:minutos?|horas?|días?)\b|\bvor (?<!\d)\d{1,4}+ (?:Minuten?|Stunden?|Tagen?)\b|\bil y a"
    r" (?<!\d)\d{1,4}+ (?:minutes?|heures?|jours?)\b|(?<!\d)\d{1,4}+ (?:минут\w*|час\w*|дн\w*|день) назад"
    r"|(?<!\d)\d{1,4}+ ?(?:초|분|시간|일|주) ?전|방금(?: ?전)?|(?<!\d)\d{1,4}+ ?(?:秒|分钟?|分鐘|小时|小時|時間|天|日"
    r"|周|週間?)(?:之)?前|刚刚|剛剛|たった今",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?"
_MOMENT = (
    rf"(?:(?:{_MONTH}|{_DAY}|[ap]\.?m\.?|at|on|today|GMT|UTC|[ECMPJKB]S?T|EDT|CEST|CET)(?![a-z])|오전|오후"
    rf"|[年月日년월일시분時时]"
    r"|\d{1,4}(?:st|nd|rd|th)?|[ ,.:/()+-]|T(?=\d)|Z\b){1,30}+"
)
#: What makes numbers a date or a time of day, so that "updated 12 files" is none.
_DATED = (
    rf"(?=[^|\n]{{0,40}}?(?:\d:\d\d|(?:19|20)\d\d|\d{{1,2}}[./-]\d{{1,2}}|{_MONTH} \d|\d ?(?:{_MONTH}"
    rf"|[월月일日시時时])))"
)
_STAMP = re.compile(
    r"(?:\b(?:last |most recently )?(?:updated|modified|revised|edited|refreshed)(?: (?:on|at))?|최종 ?수정|최종"
    r" ?업데이트|업데이트"
    rf"|수정(?:일시?)?|更新(?:日時|时间|時間)?|最后更新(?:时间)?|最終更新(?:日時)?)(?: ?[:：|]| |于|於)?"
    rf" ?{_DATED}{_MOMENT}"
    r"(?:(?=$|[|)\],;.·•])|(?<=[,.;)] ))",
    re.IGNORECASE,
)
_NUMBER = r"(?<!\d)\d[\d.,]{0,14}+\+? ?(?:[kmb]\b|[천만억万億亿萬])?"
_COUNTED = (
    r"(?:views?|viewed|page ?views?|reads?|readers?|comments?|repl(?:y|ies)|responses?|likes?|shares?|retweets?"
    r"|reposts?|votes?|upvotes?|points?|claps?|reactions?|bookmarks?|downloads?|plays?|impressions|watching|followers?"
    r"|min(?:ute)?s?(?: |-)read|read(?:ing)? time:?(?: (?<!\d)\d{1,4}+ min(?:ute)?s?)?|vistas|visitas|comentarios|vues"
    r"|commentaires|partages|aufrufe|kommentare|просмотр\w*|комментари\w*|조회 ?수?|댓글 ?수?|추천 ?수?|推荐|推薦"
    r"|좋아요|공유|공감|스크랩|閲覧 ?数?|コメント ?数?|いいね|シェア|閱讀|阅读 ?[数量]?|评论 ?数?|評論 ?數?|浏览"
    r" ?[量数]?|瀏覽 ?[量數]?|点赞 ?数?|點讚|转发|轉發|分享|收藏|回复|人气|点击 ?量?|ブックマーク)"
)
_COUNTER = re.compile(
    rf"(?:no|leave an?|add an?|post an?|be the first to) comments?(?: yet)?|#? ?{_COUNTED} ?[:：]? ?[(\[]? ?{_NUMBER}"
    rf" ?[회개건명次条條件回人分个個]?(?: ?read)?|{_NUMBER} ?(?:회|개의?|건|명이?|次|条|條|件の?|回|人|个|個|people"
    rf"|users?|times)? ?{_COUNTED}|{_NUMBER} times\b"
    r"|(?:약 ?)?(?<!\d)\d{1,4}+ ?분 (?:소요|분량|읽기)|(?:約 ?)?(?<!\d)\d{1,4}+ ?分で読め(?:る|ます)|<(?:ago|stamp)>",
    re.IGNORECASE,
)
_GLUE = re.compile(
    r"\b(?:by|on|at|and|about|total|so far|the|this|post|posted|published|updated|last|edited|article|story|page|has"
    r"|have|had|been|was|is|viewed|read|times|people|users?|to|of|in|with)\b|작성|입력|등록|기자",
    re.IGNORECASE,
)
_CUT = re.compile(r"((?<=[.!?。！？])\s+|\s*[|·•‧∙｜/()\[\]]+\s*|\s+-\s+)")
_IN_BRACKETS = re.compile(r"[(（\[](\d[\d.,]* ?[kmb万만]?)[)）\]]", re.IGNORECASE)
_BRACKETED = re.compile(r"\s*\[\d{1,4}\]$")  # the number of comments behind a headline, as boards in Korea show it


def settled(line: str) -> str:
    """``line`` without what changes by itself; empty when it says nothing else.

    White space, character references and the forms of quotation marks and dashes are made equal, too.
    """
    plain = unicodedata.normalize("NFC", html.unescape(line)).translate(_LIKE)
    plain = _BRACKETED.sub("", " ".join(plain.split()))
    clockless = _STAMP.sub("<stamp>", _AGO.sub("<ago>", plain))
    if clockless == plain and not any(char.isdigit() for char in plain) and "comment" not in plain.lower():
        return plain
    kept = [part for part in _CUT.split(_IN_BRACKETS.sub(r" \1 ", clockless)) if not _only_counts(part)]
    return " ".join("".join(kept).split()) if any(char.isalnum() for part in kept for char in part) else ""


def _only_counts(part: str) -> bool:
    rest = _COUNTER.sub(" ", part)
    return rest != part and not any(char.isalnum() for char in _GLUE.sub("", rest))
