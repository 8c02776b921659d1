# The study in a container. For the CPU: docker build -t centurio .      For a GPU: docker build --build-arg TORCH=cuda -t centurio .
# docker run --rm -v "$PWD/results:/centurio/results" centurio make study PROFILE=smoke       (a GPU: --gpus all)
# Not built where the project is developed: no registry of images is reachable from there.
FROM python:3.11-slim-bookworm

# cpu: the small build of torch; cuda: the build of the package index, with the CUDA libraries that it brings
ARG TORCH=cpu

RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /centurio
COPY requirements.lock .
RUN if [ "$TORCH" = cpu ]; then export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu; fi; \
    python -m pip install --no-cache-dir -r requirements.lock
COPY . .
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation -e .

# every make target works in this environment and makes no .venv
ENV PYTHON=python
CMD ["make", "help"]
