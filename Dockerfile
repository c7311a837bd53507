# One image for web, workers, clocks and the marketplace; docker-compose.yml gives each its command.
FROM python:3.11-slim
WORKDIR /app
ENV PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 BENCH_HOME=/var/lib/hero-bench
COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock
COPY . .
RUN python -m benchmark_site.local.frontend \
    && useradd --system --home-dir /var/lib/hero-bench --create-home bench \
    && mkdir -p /var/lib/hero-bench/media && chown -R bench /var/lib/hero-bench
USER bench
EXPOSE 8000
