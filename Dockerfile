# Nothing is compiled here: `make dist` puts the static binaries into dist/<arch>/, so that Docker's old builder, BuildKit and buildah all build the
# same images, for amd64 and arm64. Builders that do not set TARGETARCH by themselves get amd64 unless told by --build-arg.
FROM scratch AS operator
ARG TARGETARCH
COPY dist/${TARGETARCH:-amd64}/workerpool-operator /
USER 65532:65532
EXPOSE 8000 8080
ENTRYPOINT ["/workerpool-operator"]

FROM scratch AS worker
ARG TARGETARCH
COPY dist/${TARGETARCH:-amd64}/workerpool-worker /
USER 65532:65532
EXPOSE 8000
ENTRYPOINT ["/workerpool-worker"]

# Debian's redis-server with its libraries, which tests/cluster/images puts there.
FROM scratch AS redis
ARG TARGETARCH
COPY dist/${TARGETARCH:-amd64}/redis /
ENV PATH=/usr/local/bin
WORKDIR /data
USER 999:1000
EXPOSE 6379
CMD ["redis-server", "--protected-mode", "no"]
