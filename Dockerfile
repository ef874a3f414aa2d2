# One image, three roles (silo, gateway, all). The CUDA variant differs only in its base: --build-arg BASE=cuda.
ARG BASE=cpu

# Images of .NET 10 are Ubuntu's (noble); there are none of Debian.
FROM mcr.microsoft.com/dotnet/sdk:10.0.100-noble AS build
ARG BASE
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig PixSearch.Cluster.sln ./
COPY src ./src
RUN PX_LIBTORCH=$([ "$BASE" = cuda ] && echo cuda || echo none) \
    dotnet publish src/Silo/Silo.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0.0-noble AS base-cpu
RUN apt-get update && apt-get install -y --no-install-recommends libturbojpeg libpng16-16t64 libwebp7 libsqlite3-0 \
 && rm -rf /var/lib/apt/lists/*

FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 AS base-cuda
COPY --from=mcr.microsoft.com/dotnet/aspnet:10.0.0-noble /usr/share/dotnet /usr/share/dotnet
RUN ln -s /usr/share/dotnet/dotnet /usr/bin/dotnet \
 && apt-get update && apt-get install -y --no-install-recommends libturbojpeg libpng16-16t64 libwebp7 libsqlite3-0 libicu74 \
 && rm -rf /var/lib/apt/lists/*

FROM base-${BASE} AS final
WORKDIR /app
COPY --from=build /app .
COPY models /models
# The root file system is read-only in the cluster: sockets and diagnostics go to the /tmp volume, models are read from /models.
ENV DOTNET_EnableDiagnostics=0 PIXSEARCH__MODELS=/models
USER 10001:10001
EXPOSE 8080 8081 11111 30000
ENTRYPOINT ["dotnet", "PixSearch.Silo.dll"]
CMD ["--role", "all"]
